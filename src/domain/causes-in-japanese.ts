import { OF_VENDORS } from "./causes-in-japanese-of-vendors.ts";

/** What each cause means, and what helps, in Japanese. In English every failure says so itself. */
export const IN_JAPANESE: ReadonlyMap<string, readonly [title: string, detail: string]> = new Map([
  ...OF_VENDORS,
  [
    "addon-quantity",
    [
      "アドオンの数量が 1 ではありません。",
      "Salesforce の注文で数量を 1 にするか、WHMCS で独立した商品にして再実行してください。",
    ],
  ],
  [
    "already-cancelled",
    [
      "サービスは WHMCS ですでに終了しています。",
      "何も書き込まれていません。Salesforce の商談の状態が異なる場合は、商談を直してください。",
    ],
  ],
  [
    "already-cancelling",
    [
      "サービスは別の月での解約手続きがすでに進んでいます。",
      "何も書き込まれていません。月を変える場合は、カスタマーサービスが Salesforce で変更できます。",
    ],
  ],
  [
    "another-at-work",
    [
      "同じ作業のジョブがほかにあります。",
      "このジョブはその終わりを待ちます。そちらで作業が終われば、このジョブも同じ結果で終わります。",
    ],
  ],
  [
    "another-service-type",
    [
      "サービスの商談は別の種類のサービスのものです。",
      "何も書き込まれていません。正しい種類の窓口へ依頼するか、Salesforce の商談の種類（commodity）を直してください。",
    ],
  ],
  ["cancellation-month-closed", ["その月ではサービスを終了できません。", "選べる月を確認し、改めて依頼してください。"]],
  [
    "closed-by-operator",
    [
      "オペレーターが残りを実行せずにこのジョブを閉じました。",
      "やはり必要な場合は、改めて依頼してください。理由は監査ログにあります。",
    ],
  ],
  [
    "crashes-its-worker",
    [
      "このジョブを実行していたプロセスが続けて停止しました。",
      "停止の原因（終了コードやメモリ不足）を開発者が直したあと、再実行してください。",
    ],
  ],
  [
    "document-missing",
    [
      "書類が保管場所にありません。",
      "消去されたか、保管場所が変わっています。お客様に再度アップロードを依頼してください。",
    ],
  ],
  [
    "document-unreadable",
    [
      "保管されている書類を開けません。",
      "DATA_KEY から外した鍵があれば戻して再実行し、なければお客様に再度アップロードを依頼してください。",
    ],
  ],
  [
    "documents-away",
    [
      "書類の保管場所が応答しません。",
      "自動的に再試行されます。続く場合は、DATA_DIR の空き容量と権限、または DOCUMENTS_S3_BUCKET を確認してください。",
    ],
  ],
  [
    "given-up",
    [
      "キューがこのジョブを打ち切りました。",
      "実行中にワーカーが何度も停止しました。再実行し、再び失敗する場合はこのジョブの ID でログを確認してください。",
    ],
  ],
  [
    "identity-not-verified",
    [
      "お客様の本人確認が済んでいません。",
      "何も書き込まれていません。SIM には本人確認が必要です。先に在留カードをアップロードしていただいてください。",
    ],
  ],
  [
    "in-doubt",
    [
      "行われたかどうかが分かりません。",
      "プログラムでは確認できないため、自動では再び送信されません。相手のシステムで確認し、ジョブのページで回答してください。",
    ],
  ],
  [
    "line-ends-otherwise",
    [
      "回線の終了が Freebit で別の日に予約されています。",
      "お客様に希望日を確認し、必要であれば Freebit で変更してください。",
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
    "may-still-arrive",
    [
      "送信した内容がまだ届く可能性があります。",
      "届かないことが確かになるまで、改めて送信されません。ジョブは自動でもう一度確認します。",
    ],
  ],
  [
    "no-administrator-address",
    ["管理者あてのメールアドレスがありません。", "ADMIN_EMAIL を設定し、ワーカーを再起動してから再実行してください。"],
  ],
  [
    "no-longer-due",
    [
      "待っている間に、解約が取り消されたか延期されました。",
      "これ以上は何も書き込まれていません。以前の試行で WHMCS のサービスが終了していないか確認してください。",
    ],
  ],
  [
    "no-name",
    [
      "サインインできませんでした。",
      "ID プロバイダーから、あなたがだれかを示す情報が届きませんでした。管理者に問い合わせてください。",
    ],
  ],
  ["no-opportunity", ["注文に商談がありません。", "Salesforce で注文を商談に関連付け、再実行してください。"]],
  [
    "no-pricebook",
    [
      "注文に使う価格表が設定されていません。",
      "PORTAL_PRICEBOOK_ID に Salesforce のポータル用価格表の ID を設定し、ワーカーを再起動してから再実行してください。",
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
    "no-service-link",
    [
      "商談に WHMCS のサービスがありません。",
      "何も終了していません。Salesforce の商談の WHMCS_Service_ID__c を入力し、再実行してください。",
    ],
  ],
  [
    "no-whmcs-client",
    [
      "アカウントに WHMCS のクライアントがありません。",
      "Salesforce のアカウントの WH_Account__c に WHMCS のクライアント ID を入力し、再実行してください。",
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
    "no-whmcs-service",
    [
      "WHMCS の注文にサービスがありません。",
      "商品がサービスを作らない設定の可能性があります。WHMCS で注文を取り消して商品を直し、/api/provisioning に改めて依頼してください。",
    ],
  ],
  [
    "not-due",
    [
      "商談は解約手続き中ではないか、最終日がまだ来ていません。",
      "何も終了していません。夜間の確認のあとに変更されています。",
    ],
  ],
  [
    "not-eligible",
    [
      "お客様はインターネットを注文できません。",
      "何も書き込まれていません。提供可否が未確認であれば先に確認を依頼してください。確認済みであれば、この住所では提供できません。",
    ],
  ],
  [
    "not-your-service",
    [
      "このアカウントの WHMCS クライアントに、そのサービスはありません。",
      "何も書き込まれていません。serviceId と、Salesforce のアカウントの WH_Account__c を確認してください。",
    ],
  ],
  [
    "opportunity-not-in-post-processing",
    [
      "商談のフェーズが Post Processing ではありません。",
      "この注文を進めるべきか Salesforce で確認し、進める場合はフェーズを Post Processing にして再実行してください。",
    ],
  ],
  [
    "order-not-approved",
    [
      "注文が承認されていません。",
      "何も書き込まれていません。進めるかどうかは、カスタマーサービスが Salesforce で決めます。",
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
    "provider-answer",
    [
      "サインインできませんでした。",
      "ID プロバイダーからの応答が、ここで始めたサインインのものではないか、使用済みです。最初からやり直してください。",
    ],
  ],
  [
    "provider-away",
    [
      "ID プロバイダーに問い合わせできません。",
      "応答がないか、正しい応答ではありません。しばらくしてからもう一度お試しください。",
    ],
  ],
  ["provider-refused", ["サインインできませんでした。", "ID プロバイダーが許可しなかったか、途中で取り消されました。"]],
  [
    "provider-refuses-us",
    [
      "ID プロバイダーが Handoff を拒否しています。",
      "管理者は OIDC_CLIENT_ID、OIDC_CLIENT_SECRET と、プロバイダー側の許可を確認してください。",
    ],
  ],
  [
    "quantity-not-whole",
    ["注文の数量が 1 以上の整数ではありません。", "Salesforce の注文の数量を直し、再実行してください。"],
  ],
  ["redis-away", ["Redis を待っています。", "ジョブとセッションを保管する Redis に接続できません。"]],
  [
    "redis-full",
    ["Redis の容量がいっぱいです。", "空きができるまで何も書き込めません。Redis のメモリを増やしてください。"],
  ],
  ["redis-slow", ["Redis の応答に時間がかかりすぎました。", "呼び出しは行われていません。自動的に再試行されます。"]],
  [
    "service-not-active",
    [
      "商談のフェーズが Active ではありません。",
      "サービスが動いているか確認し、動いている場合は Active にして再実行してください。",
    ],
  ],
  [
    "service-still-runs",
    [
      "WHMCS のサービスがまだ動いています。",
      "インターネットと VPN は WHMCS で手作業で終了します。それまで毎日のメールに載ります。",
    ],
  ],
  [
    "settled-otherwise",
    [
      "このジョブの開始後に、別の依頼が解約を確定しました。",
      "これ以上は何も書き込まれていません。Salesforce で終了月を確認し、2 つの月が選ばれた場合はお客様に確認してください。",
    ],
  ],
  [
    "sim-number-differs",
    [
      "SIM の番号が WHMCS の番号と異なります。",
      "お客様に確認し、番号が正しければ WHMCS のドメイン欄を直して再実行してください。",
    ],
  ],
  [
    "two-whmcs-orders",
    ["この商談に WHMCS の注文が 2 件あります。", "不要な注文を WHMCS で取り消し、再実行してください。"],
  ],
  [
    "unexpected-error",
    ["Handoff の内部で予期しない問題が起きました。", "続く場合は、このジョブの ID でログを確認してください。"],
  ],
  [
    "unknown-account",
    [
      "Salesforce にそのアカウントがありません。",
      "何も書き込まれていません。別の組織の ID か、削除または統合された可能性があります。",
    ],
  ],
  [
    "unknown-billing-cycle",
    [
      "商品の請求サイクルが WHMCS のものではありません。",
      "Salesforce の商品の Billing_Cycle__c を Monthly、Quarterly、Semi-Annually、Annually、Biennially、Triennially、One-Time のいずれかにして再実行してください。",
    ],
  ],
  [
    "unknown-opportunity",
    ["Salesforce にその商談がありません。", "何も終了していません。夜間の確認のあとに削除または統合されています。"],
  ],
  [
    "unknown-order",
    [
      "Salesforce にその注文がありません。",
      "何も書き込まれていません。別の組織の ID か、注文が削除された可能性があります。",
    ],
  ],
  [
    "unknown-product",
    [
      "注文できない商品があります。",
      "何も書き込まれていません。商品がポータル用価格表にあり、有効で、WH_Product_ID__c が入力されているか確認してください。",
    ],
  ],
  [
    "unknown-step",
    [
      "この版の Handoff が知らないステップが行われています。",
      "開始した版を動かすか、開発者が確認してください。続けると処理が二重になる可能性があります。",
    ],
  ],
  [
    "unreadable-payload",
    [
      "依頼の内容を読み取れません。",
      "DATA_KEY から外した鍵を戻すか、新しい版の Handoff を動かして再実行してください。",
    ],
  ],
  [
    "unreadable-result",
    ["以前のステップの結果を読み取れません。", "DATA_KEY から早く外しすぎた鍵を戻し、再実行してください。"],
  ],
]);
