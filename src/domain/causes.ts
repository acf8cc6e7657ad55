import type { Reason, Vendor } from "./errors.ts";

/** Who can mend what failed. */
export const OWNERS = ["operator", "salesforce-admin", "whmcs-admin", "developer"] as const;
export type Owner = (typeof OWNERS)[number];

export const OWNER_NAMES: Readonly<Record<"en" | "ja", Readonly<Record<Owner, string>>>> = {
  en: {
    operator: "Operator",
    "salesforce-admin": "Salesforce admin",
    "whmcs-admin": "WHMCS admin",
    developer: "Developer",
  },
  ja: {
    operator: "オペレーター",
    "salesforce-admin": "Salesforce 管理者",
    "whmcs-admin": "WHMCS 管理者",
    developer: "開発者",
  },
};

/** Faults of our own programs, and of what one of them sent. */
const OF_DEVELOPERS: ReadonlySet<string> = new Set([
  "unexpected-error",
  "unknown-step",
  "unreadable-payload",
  "unreadable-result",
  "crashes-its-worker",
  "given-up",
]);

/** What our own rules found wrong in Salesforce's records. */
const OF_SALESFORCE: ReadonlySet<string> = new Set([
  "no-opportunity",
  "opportunity-not-in-post-processing",
  "no-whmcs-client",
  "no-whmcs-product",
  "addon-quantity",
  "no-service-item",
  "no-service-link",
  "service-not-active",
  "order-taken-back",
  "linked-to-another-service",
  "no-pricebook",
]);

const OF_WHMCS: ReadonlySet<string> = new Set([
  "no-whmcs-service",
  "whmcs-order-cancelled",
  "two-whmcs-orders",
  "sim-number-differs",
]);

/** Whose job it is: by our own rule where it was one, else the vendor's admin. */
export function ownerOf({ code, vendor }: { readonly code: string; readonly vendor: Vendor | null }): Owner {
  if (OF_DEVELOPERS.has(code)) return "developer";
  if (OF_SALESFORCE.has(code)) return "salesforce-admin";
  if (OF_WHMCS.has(code)) return "whmcs-admin";
  return adminOf(vendor);
}

/** Who runs a vendor, as far as that is one of us. */
export function adminOf(vendor: Vendor | null): Owner {
  if (vendor === "salesforce") return "salesforce-admin";
  return vendor === "whmcs" ? "whmcs-admin" : "operator";
}

/** What the causes that come up most mean, and what helps, in Japanese. In English every failure says so itself. */
const IN_JAPANESE: ReadonlyMap<string, readonly [title: string, detail: string]> = new Map([
  [
    "no-whmcs-client",
    [
      "アカウントに WHMCS のクライアントがありません。",
      "Salesforce のアカウントの WH_Account__c に WHMCS のクライアント ID を入力し、再実行してください。",
    ],
  ],
  ["no-opportunity", ["注文に商談がありません。", "Salesforce で注文を商談に関連付け、再実行してください。"]],
  [
    "opportunity-not-in-post-processing",
    [
      "商談のフェーズが Post Processing ではありません。",
      "この注文を進めるべきか Salesforce で確認し、進める場合はフェーズを Post Processing にして再実行してください。",
    ],
  ],
  [
    "no-whmcs-product",
    [
      "商品に対応する WHMCS の商品がありません。",
      "Salesforce の商品の WH_Product_ID__c を入力し、再実行してください。",
    ],
  ],
  [
    "no-service-item",
    [
      "注文に Service の商品がありません。",
      "商品の Item_Class__c を設定するか、サービスの商品を注文に追加して再実行してください。",
    ],
  ],
  [
    "whmcs-payment-method",
    ["WHMCS が支払方法を受け付けません。", "WHMCS_PAYMENT_METHOD を WHMCS で有効な支払方法にし、再実行してください。"],
  ],
  [
    "whmcs-client-not-found",
    [
      "WHMCS にそのクライアントがありません。",
      "Salesforce の WH_Account__c を正しいクライアント ID に直し、再実行してください。",
    ],
  ],
  [
    "whmcs-sign-in-refused",
    [
      "WHMCS が接続を拒否しました。",
      "WHMCS_IDENTIFIER と WHMCS_SECRET、および許可された IP アドレスを確認してください。",
    ],
  ],
  [
    "whmcs-not-reached",
    ["WHMCS に接続できません。", "何も送信されていません。WHMCS_URL、DNS、ファイアウォールを確認してください。"],
  ],
  [
    "whmcs-order-cancelled",
    [
      "この商談の WHMCS の注文は取り消されています。",
      "サービスを提供する場合は、その注文のサービスの OpportunityId を空にして再実行してください。",
    ],
  ],
  [
    "two-whmcs-orders",
    ["この商談に WHMCS の注文が 2 件あります。", "不要な注文を WHMCS で取り消し、再実行してください。"],
  ],
  [
    "salesforce-validation-rule",
    ["Salesforce の入力規則が書き込みを拒否しました。", "入力規則の内容を確認し、レコードを直して再実行してください。"],
  ],
  [
    "salesforce-required-field",
    ["Salesforce の必須項目が空です。", "Salesforce 管理者に項目を確認し、再実行してください。"],
  ],
  [
    "salesforce-access",
    ["Salesforce の権限が足りません。", "Handoff のユーザーに権限セットを割り当て、再実行してください。"],
  ],
  [
    "salesforce-sign-in-refused",
    [
      "Salesforce がサインインを拒否しました。",
      "SALESFORCE_CLIENT_ID などの設定と、接続アプリケーションを確認してください。",
    ],
  ],
  [
    "order-taken-back",
    [
      "処理を待つ間に注文が変更されました。",
      "何も注文されていません。進める場合は Salesforce で承認と Post Processing に戻し、再実行してください。",
    ],
  ],
  [
    "linked-to-another-service",
    [
      "商談は別の WHMCS サービスに関連付けられています。",
      "どちらのサービスが正しいか決め、もう一方を WHMCS で取り消し、Salesforce を直してください。",
    ],
  ],
  [
    "service-not-active",
    [
      "商談のフェーズが Active ではありません。",
      "サービスが動いているか確認し、動いている場合は Active にして再実行してください。",
    ],
  ],
  [
    "sim-number-differs",
    [
      "SIM の番号が WHMCS の番号と異なります。",
      "お客様に確認し、番号が正しければ WHMCS のドメイン欄を直して再実行してください。",
    ],
  ],
  ["in-doubt", ["行われたかどうかが分かりません。", "相手のシステムで確認し、ジョブのページで回答してください。"]],
  [
    "unreadable-payload",
    [
      "依頼の内容を読み取れません。",
      "DATA_KEY から外した鍵を戻すか、新しい版の Handoff を動かして再実行してください。",
    ],
  ],
  [
    "crashes-its-worker",
    [
      "このジョブの実行中にワーカーが続けて停止しました。",
      "停止の原因（終了コードやメモリ不足）を開発者が直したあと、再実行してください。",
    ],
  ],
  [
    "unexpected-error",
    ["Handoff の内部で予期しない問題が起きました。", "続く場合は、このジョブの ID でログを確認してください。"],
  ],
]);

/** What happened and what to do about it. Of what has no words of its own in Japanese, the English ones are shown. */
export function causeIn(lang: "en" | "ja", failure: Reason): { title: string; detail: string } {
  const translated = lang === "ja" ? IN_JAPANESE.get(failure.code) : undefined;
  if (translated === undefined) return { title: failure.title, detail: failure.detail };
  return { title: translated[0], detail: translated[1] };
}
