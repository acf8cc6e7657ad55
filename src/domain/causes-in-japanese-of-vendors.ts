/** What goes wrong with the systems beside us, and what helps, in Japanese. */
export const OF_VENDORS: ReadonlyMap<string, readonly [title: string, detail: string]> = new Map([
  [
    "callback-gone",
    [
      "コールバックの受信側が、今後の受信を断りました。",
      "その受信先を設定から外すか、新しいアドレスを設定してください。",
    ],
  ],
  [
    "callback-not-answered",
    [
      "コールバックの受信側が応答しませんでした。",
      "自動的に再試行されます。続く場合は、アドレス、証明書、ファイアウォールを確認してください。",
    ],
  ],
  [
    "callback-not-set-up",
    [
      "このクライアントのコールバック先が設定されていません。",
      "設定から外されています。設定し直して再実行するか、このジョブを閉じてください。",
    ],
  ],
  [
    "callback-private-address",
    [
      "コールバックの受信側がインターネット上のアドレスではありません。",
      "何も送信されていません。DNS または設定のアドレスを直すか、意図したものであれば CALLBACK_PRIVATE=on にして再実行してください。",
    ],
  ],
  ["callback-put-off", ["コールバックの受信側が今は受け取れません。", "対応は不要です。自動的に再試行されます。"]],
  [
    "callback-refused",
    [
      "コールバックの受信側が受け取りを拒否しました。",
      "設定のアドレス（転送には従いません）と、署名の検証に使う秘密鍵を確認してください。その間も自動的に再試行されます。",
    ],
  ],
  [
    "freebit-account-not-digits",
    [
      "SIM の番号が数字だけではありません。",
      "何も送信されていません。番号を入力元で直してください。番号はここには表示されません。",
    ],
  ],
  [
    "freebit-away",
    [
      "Freebit が停止しています。",
      "直前の呼び出しがすべて失敗しました。ジョブは待機し、応答が戻れば自動的に続きます。",
    ],
  ],
  [
    "freebit-booked-otherwise",
    ["回線の解約が別の日に予約されています。", "お客様に希望日を確認し、必要であれば Freebit で変更してください。"],
  ],
  ["freebit-busy", ["Freebit が処理を後回しにしました。", "対応は不要です。自動的に再試行されます。"]],
  [
    "freebit-connection-lost",
    [
      "Freebit との接続が途中で切れました。",
      "続く場合だけ Freebit に問い合わせ、VENDOR_TIMEOUT_MS を確認してください。",
    ],
  ],
  [
    "freebit-line-not-found",
    ["Freebit にその回線がありません。", "お客様の契約で SIM の番号を確認してください。番号はここには表示されません。"],
  ],
  [
    "freebit-not-reached",
    [
      "Freebit に接続できません。",
      "何も送信されておらず、自動的に再試行されます。続く場合は FREEBIT_URL、DNS、ファイアウォールを確認してください。",
    ],
  ],
  [
    "freebit-not-set-up",
    [
      "Freebit が設定されていません。",
      "FREEBIT_URL、FREEBIT_OEM_ID、FREEBIT_OEM_KEY を設定してください。その間、SIM の解約は待機します。",
    ],
  ],
  [
    "freebit-read-back-unclear",
    [
      "回線の解約が予約されているか、Freebit の応答から分かりません。",
      "Freebit で回線を確認し、ジョブのページで回答してください。次回から読み取れるよう、契約資料に合わせて FREEBIT_PROFILE の cancelAccount.readBack を直してください。",
    ],
  ],
  [
    "freebit-refused",
    [
      "Freebit が説明のないコードで応答し、解約は予約されていません。",
      "契約資料でコードを調べて FREEBIT_PROFILE に加え、原因を直して再実行してください。",
    ],
  ],
  [
    "freebit-run-date",
    ["解約日が正しくないか、すでに過ぎています。", "何も送信されていません。お客様と、より後の月を選んでください。"],
  ],
  [
    "freebit-sign-in-refused",
    [
      "Freebit が接続を拒否しました。",
      "FREEBIT_OEM_ID と FREEBIT_OEM_KEY、許可された IP アドレスを確認してください。その間、ジョブは待機します。",
    ],
  ],
  [
    "freebit-timeout",
    [
      "Freebit が時間内に応答しませんでした。",
      "続く場合だけ Freebit に問い合わせ、VENDOR_TIMEOUT_MS を確認してください。",
    ],
  ],
  [
    "freebit-unlisted-code",
    [
      "Freebit が説明のないコードで応答しました。",
      "契約資料でコードを調べ、FREEBIT_PROFILE の正しい一覧に加えてください。",
    ],
  ],
  [
    "freebit-unreadable",
    [
      "Freebit の応答を読み取れません。",
      "Freebit がメンテナンス中でないか、FREEBIT_URL と FREEBIT_PROFILE が正しいか確認してください。",
    ],
  ],
  [
    "mail-address-refused",
    ["メールサーバーがこのあて先を受け付けません。", "お客様に正しいアドレスを確認し、登録元を直してください。"],
  ],
  [
    "mail-away",
    [
      "メールサーバーが停止しています。",
      "直前の呼び出しがすべて失敗しました。ジョブは待機し、応答が戻れば自動的に続きます。",
    ],
  ],
  [
    "mail-connection-lost",
    [
      "メールサーバーの応答が届かず、受け付けられたか分かりません。",
      "同じ Message-ID でもう一度送られます。メールソフトでは 1 通として表示されます。",
    ],
  ],
  [
    "mail-header-line-break",
    ["あて先または件名に改行がありました。", "何も送信されていません。値を入力元で直してください。"],
  ],
  [
    "mail-not-reached",
    [
      "メールサーバーに接続できません。",
      "何も送信されておらず、自動的に再試行されます。続く場合は SMTP_URL、DNS、ファイアウォールを確認してください。",
    ],
  ],
  [
    "mail-not-set-up",
    ["メールサーバーが設定されていません。", "SMTP_URL と MAIL_FROM を設定してください。その間、メールは待機します。"],
  ],
  ["mail-put-off", ["メールサーバーがこのメールを後回しにしました。", "対応は不要です。自動的に再試行されます。"]],
  [
    "mail-refused",
    [
      "メールサーバーがこのメールを拒否しました。",
      "サイズ、内容、ポリシーなどの理由は、メールサーバーのログを確認してください。",
    ],
  ],
  [
    "mail-sender-refused",
    [
      "メールサーバーが Handoff からの送信を受け付けません。",
      "MAIL_FROM と、サーバーの送信許可を確認してください。その間、メールは待機します。",
    ],
  ],
  [
    "mail-sign-in-refused",
    [
      "メールサーバーが接続を拒否しました。",
      "SMTP_URL のユーザー、パスワード、方式（smtp: または smtps:）と、サーバーの証明書を確認してください。その間、メールは待機します。",
    ],
  ],
  [
    "mail-timeout",
    [
      "メールサーバーの応答が時間内に届かず、受け付けられたか分かりません。",
      "同じ Message-ID でもう一度送られます。メールソフトでは 1 通として表示されます。",
    ],
  ],
  [
    "salesforce-access",
    ["Salesforce の権限が足りません。", "Handoff のユーザーに権限セットを割り当て、再実行してください。"],
  ],
  [
    "salesforce-automation",
    [
      "Salesforce のトリガーまたはフローがレコードを拒否しました。",
      "Salesforce 管理者に確認してください。連携ユーザーのデバッグログで、どれかが分かります。",
    ],
  ],
  [
    "salesforce-away",
    [
      "Salesforce が停止しています。",
      "直前の呼び出しがすべて失敗しました。ジョブは待機し、応答が戻れば自動的に続きます。",
    ],
  ],
  [
    "salesforce-connection-lost",
    [
      "Salesforce との接続が途中で切れました。",
      "続く場合だけ status.salesforce.com と VENDOR_TIMEOUT_MS を確認してください。",
    ],
  ],
  [
    "salesforce-duplicate",
    [
      "Salesforce に同じレコードがすでにあります。",
      "重複を Salesforce で確認してください。重複ルールまたは一意の項目が妨げています。",
    ],
  ],
  [
    "salesforce-instance-url",
    [
      "Salesforce が示した接続先が Salesforce のものではありません。",
      "トークンは送信していません。SALESFORCE_LOGIN_URL が本当に Salesforce か確認してください。その間、ジョブは待機します。",
    ],
  ],
  [
    "salesforce-limit",
    [
      "Salesforce の API 呼び出しの上限に達しました。",
      "ジョブは待機します。たびたび起こる場合は、Salesforce の組織情報で API の使用状況を確認してください。",
    ],
  ],
  [
    "salesforce-no-such-record",
    [
      "必要なレコードが Salesforce にないか、Handoff から見えません。",
      "削除や統合がないか、連携ユーザーが参照できるかを確認してください。",
    ],
  ],
  [
    "salesforce-not-reached",
    [
      "Salesforce に接続できません。",
      "何も送信されておらず、自動的に再試行されます。続く場合は SALESFORCE_LOGIN_URL、DNS、ファイアウォールを確認してください。",
    ],
  ],
  [
    "salesforce-not-set-up",
    ["この役割には Salesforce が設定されていません。", "api の役割にも Salesforce の設定を加え、再起動してください。"],
  ],
  [
    "salesforce-picklist",
    [
      "書き込む値が Salesforce の選択リストにありません。",
      "選択リスト（とレコードタイプ）に値を追加し、再実行してください。",
    ],
  ],
  [
    "salesforce-read-only-field",
    ["Salesforce の項目に書き込めません。", "連携ユーザーに項目の編集権限を与え、再実行してください。"],
  ],
  [
    "salesforce-record-locked",
    ["Salesforce で別の人が同じレコードを変更していました。", "何も変更されていません。自動的に再試行されます。"],
  ],
  [
    "salesforce-refused",
    ["Salesforce が要求を拒否しました。", "Salesforce の資料でエラーコードを調べ、原因を直して再実行してください。"],
  ],
  [
    "salesforce-required-field",
    ["Salesforce の必須項目が空です。", "Salesforce 管理者に項目を確認し、再実行してください。"],
  ],
  [
    "salesforce-rolled-back",
    [
      "Salesforce が変更をすべて取り消しました。",
      "何も残っておらず、自動的に再試行されます。続く場合は、対象オブジェクトのフローとトリガーを確認してください。",
    ],
  ],
  [
    "salesforce-server-error",
    ["Salesforce の内部で問題が起きました。", "続く場合だけ status.salesforce.com を確認してください。"],
  ],
  [
    "salesforce-session-refused",
    [
      "Salesforce がセッションを拒否しました。",
      "新しいサインインで自動的に再試行されます。続く場合は、連携ユーザーの権限と接続アプリケーションを確認してください。",
    ],
  ],
  [
    "salesforce-sign-in-refused",
    [
      "Salesforce がサインインを拒否しました。",
      "SALESFORCE_CLIENT_ID などの設定と、接続アプリケーションを確認してください。",
    ],
  ],
  ["salesforce-storage", ["Salesforce のストレージがいっぱいです。", "空きを作るか追加購入し、再実行してください。"]],
  [
    "salesforce-timeout",
    [
      "Salesforce が時間内に応答しませんでした。",
      "続く場合だけ status.salesforce.com と VENDOR_TIMEOUT_MS を確認してください。",
    ],
  ],
  [
    "salesforce-too-long",
    [
      "文字数が Salesforce の項目の上限を超えています。",
      "Salesforce の項目を長くするか、内容を短くして依頼してください。",
    ],
  ],
  [
    "salesforce-too-slow",
    [
      "処理に時間がかかりすぎて Salesforce が中止しました。",
      "何も変更されておらず、自動的に再試行されます。続く場合は、Salesforce の索引や遅いフローを確認してください。",
    ],
  ],
  [
    "salesforce-unknown-field",
    [
      "Handoff が使う項目またはオブジェクトが Salesforce にありません。",
      "作成するか、連携ユーザーに見えるようにするか、SALESFORCE_FIELDS で正しい名前を指定してください。",
    ],
  ],
  [
    "salesforce-unreadable",
    [
      "Salesforce の応答を読み取れません。",
      "続く場合は SALESFORCE_LOGIN_URL と status.salesforce.com を確認してください。項目の型や SALESFORCE_API_VERSION の違いは開発者が確認します。",
    ],
  ],
  [
    "salesforce-validation-rule",
    ["Salesforce の入力規則が書き込みを拒否しました。", "入力規則の内容を確認し、レコードを直して再実行してください。"],
  ],
  [
    "whmcs-away",
    ["WHMCS が停止しています。", "直前の呼び出しがすべて失敗しました。ジョブは待機し、応答が戻れば自動的に続きます。"],
  ],
  [
    "whmcs-client-closed",
    [
      "WHMCS のクライアントが閉鎖されています。",
      "WHMCS でクライアントを再開するか、Salesforce のアカウントの WH_Account__c を直して再実行してください。",
    ],
  ],
  [
    "whmcs-client-not-found",
    [
      "WHMCS にそのクライアントがありません。",
      "Salesforce の WH_Account__c を正しいクライアント ID に直し、再実行してください。",
    ],
  ],
  [
    "whmcs-connection-lost",
    ["WHMCS との接続が途中で切れました。", "続く場合だけ WHMCS のエラーログと VENDOR_TIMEOUT_MS を確認してください。"],
  ],
  ["whmcs-contradicts-itself", ["注文の状態について WHMCS の応答が矛盾しています。", "自動的にもう一度確認されます。"]],
  [
    "whmcs-list-incomplete",
    ["WHMCS の返したサービスの数が足りません。", "読み取り中に一覧が変わった可能性があり、自動的に読み直されます。"],
  ],
  [
    "whmcs-no-items",
    [
      "WHMCS が注文の商品を 1 つも受け付けませんでした。",
      "商品の WH_Product_ID__c が、請求サイクルの価格がある WHMCS の商品を指しているか確認し、再実行してください。",
    ],
  ],
  [
    "whmcs-no-module",
    [
      "サービスを終了するモジュールが WHMCS の商品にありません。",
      "WHMCS で手作業でサービスを終了し、Terminated にしてから再実行してください。",
    ],
  ],
  [
    "whmcs-not-reached",
    ["WHMCS に接続できません。", "何も送信されていません。WHMCS_URL、DNS、ファイアウォールを確認してください。"],
  ],
  [
    "whmcs-opportunity-field",
    [
      "WHMCS_OPPORTUNITY_FIELD に、この商品のカスタム項目がありません。",
      "目印がないと注文を見つけ直せません。商品のカスタム項目を WHMCS_OPPORTUNITY_FIELD に加え、再実行してください。",
    ],
  ],
  [
    "whmcs-order-cancelled",
    [
      "この商談の WHMCS の注文は取り消されています。",
      "サービスを提供する場合は、その注文のサービスの OpportunityId を空にして再実行してください。",
    ],
  ],
  [
    "whmcs-order-not-found",
    ["WHMCS にその注文がありません。", "WHMCS で削除された可能性があります。確認してから再実行してください。"],
  ],
  [
    "whmcs-order-not-pending",
    ["WHMCS の注文が Pending ではありません。", "WHMCS で変更された可能性があります。WHMCS で注文を確認してください。"],
  ],
  [
    "whmcs-payment-method",
    ["WHMCS が支払方法を受け付けません。", "WHMCS_PAYMENT_METHOD を WHMCS で有効な支払方法にし、再実行してください。"],
  ],
  [
    "whmcs-refused",
    [
      "WHMCS が要求を拒否しました。",
      "WHMCS の API ログ（System Logs）で応答の全文を確認し、原因を直して再実行してください。",
    ],
  ],
  ["whmcs-server-error", ["WHMCS の内部で問題が起きました。", "続く場合だけ WHMCS のエラーログを確認してください。"]],
  [
    "whmcs-service-not-found",
    ["WHMCS にそのサービスがありません。", "Salesforce の商談の WHMCS_Service_ID__c を確認し、再実行してください。"],
  ],
  [
    "whmcs-sign-in-refused",
    [
      "WHMCS が接続を拒否しました。",
      "WHMCS_IDENTIFIER と WHMCS_SECRET、および許可された IP アドレスを確認してください。",
    ],
  ],
  [
    "whmcs-timeout",
    [
      "WHMCS が時間内に応答しませんでした。",
      "続く場合だけ WHMCS のエラーログと VENDOR_TIMEOUT_MS を確認してください。",
    ],
  ],
  [
    "whmcs-unknown-action",
    [
      "この WHMCS は、Handoff が使う API アクションを知りません。",
      "WHMCS が古い可能性があります。WHMCS を更新してください。",
    ],
  ],
  [
    "whmcs-unreadable",
    [
      "WHMCS の応答を読み取れません。",
      "WHMCS のエラーログ、メンテナンスモード、WHMCS_URL（インストール先の最上位）を確認してください。",
    ],
  ],
]);
