import { SaxesParser } from "saxes";

/** An element of a document, with the text that stands in it. */
export interface Element {
  readonly name: string;
  readonly namespace: string;
  readonly children: readonly Element[];
  readonly text: string;
}

interface Open extends Element {
  readonly children: Open[];
  text: string;
}

/** The root of `source`. Throws where it is not well-formed. */
export function parseXml(source: string): Element {
  const parser = new SaxesParser({ xmlns: true });
  const top: Open = { name: "", namespace: "", children: [], text: "" };
  const open: Open[] = [top];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ local, uri }) => {
    const element: Open = { name: local, namespace: uri, children: [], text: "" };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on("text", (text) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += text;
  });
  parser.on("closetag", () => void open.pop());
  parser.write(source).close();
  const [root] = top.children;
  if (root === undefined) throw new Error("there is no element");
  return root;
}

/** Every element called `name` below `element`, at any depth. */
export function all(element: Element, name: string): readonly Element[] {
  return element.children.flatMap((child) => [...(child.name === name ? [child] : []), ...all(child, name)]);
}

/** The texts of the children called `name`. */
export function texts(element: Element, name: string): readonly string[] {
  return element.children.filter((child) => child.name === name).map(({ text }) => text.trim());
}

/** The text of the first child called `name`; "" where there is none. */
export function textOf(element: Element, name: string): string {
  return texts(element, name)[0] ?? "";
}
