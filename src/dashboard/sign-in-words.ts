import type { Lang } from "./desk/words.ts";

/** What the pages of signing in and out say. */

const en = {
  signIn: "Sign in",
  toSee: "to see what Handoff is working on.",
  signInWith: (provider: string) => `Sign in with ${provider}`,
  orPassword: "or with a password",
  name: "Name",
  password: "Password",
  signOut: "Sign out",
  signOutNow: "Sign out?",
  signedInAs: (name: string, role: string) => `You are signed in as ${name}, ${role}.`,
  staysAt: (provider: string) => `You stay signed in at ${provider}: on a machine of others, sign out there, too.`,
  backToDesk: "Back to the desk",
  otherLanguage: "日本語",
  tooManyTries: (minutes: number) =>
    `Too many tries. Wait ${minutes === 1 ? "a minute" : `${String(minutes)} minutes`}, then try again.`,
  wrong: "This name and password do not belong together. Check both and try again.",
  ended: "Your access to Handoff was ended. Ask whoever looks after it.",
  formOld: "This page had grown old, or your browser refuses cookies. Please sign in again.",
  begunElsewhere: "This sign-in was begun too long ago, in another browser, or not here. Begin again.",
  noRole: (provider: string, name: string) =>
    `${provider} knows you as ${name}, but you have no role in Handoff. Ask whoever looks after it for one.`,
  nameTaken: (provider: string, name: string) =>
    `${provider} knows you as ${name}, and here somebody with a password is called so. Use that password.`,
};
export type SignInWords = typeof en;

const ja: SignInWords = {
  signIn: "サインイン",
  toSee: "Handoff の処理状況を確認できます。",
  signInWith: (provider) => `${provider} でサインイン`,
  orPassword: "またはパスワードで",
  name: "名前",
  password: "パスワード",
  signOut: "サインアウト",
  signOutNow: "サインアウトしますか",
  signedInAs: (name, role) => `${name}（${role}）としてサインインしています。`,
  staysAt: (provider) => `${provider} にはサインインしたままです。共用の端末では、そちらでもサインアウトしてください。`,
  backToDesk: "戻る",
  otherLanguage: "English",
  tooManyTries: (minutes) => `試行回数が多すぎます。${String(minutes)} 分待ってから、もう一度お試しください。`,
  wrong: "名前とパスワードの組み合わせが正しくありません。両方を確認して、もう一度お試しください。",
  ended: "Handoff の利用は終了しています。管理者に問い合わせてください。",
  formOld: "ページが古くなったか、Cookie が拒否されています。もう一度サインインしてください。",
  begunElsewhere:
    "このサインインは時間がたちすぎたか、別のブラウザーで始められたか、ここで始められたものではありません。最初からやり直してください。",
  noRole: (provider, name) =>
    `${provider} では ${name} として確認できましたが、Handoff での役割がありません。管理者に依頼してください。`,
  nameTaken: (provider, name) =>
    `${provider} では ${name} として確認できましたが、ここには同じ名前のパスワード利用者がいます。そのパスワードを使ってください。`,
};

export const SIGN_IN_WORDS: Readonly<Record<Lang, SignInWords>> = { en, ja };
