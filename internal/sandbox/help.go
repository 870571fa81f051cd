package sandbox

// Help is the long help of `tieout sandbox`.
const Help = `Serves the APIs of pawapay, pesaswap, pesaway and pivot on this machine, over
generated payments with planted differences. Nothing leaves the machine, no
money moves, and the same seed and date give the same payments, ids and
credentials.

Each account lives under its name (http://127.0.0.1:8484/pawapay-zm); the
providers part of a configuration that fits is printed at the start.

Faults (--faults FILE, YAML or JSON). Each entry names the requests it is
about and what happens to them:

  faults:
    - account: pawapay-zm        # a name; empty: all accounts
      method: GET                # empty: all
      path: /v2/deposits/*       # below the account; * is one part, a last ** all the rest
      every: 10                  # each tenth; "burst: 3" makes it three in a row
      status: 503
    - { path: "**", first: 5, status: 429, retry_after: "2" }
    - { account: pivot-id, probability: 0.02, latency: 3s }
    - { account: pesaway-ke, path: /api/v1/mobile-money/**, every: 50, expired_token: true }
    - { account: pesaswap-ke, path: /payouts/list, every: 4, half: true }
  lists:
    - { account: pesaswap-ke, repeat_rows: 25, late_rows: 2 }

  first, every, burst and probability choose among the requests that match;
  probability is a hash of seed and request, so that a rerun fails alike.
  latency waits, then one of: status (with retry_after, body, content_type),
  drop (no answer at all), half (the connection ends within the answer),
  invalid_json (a cut answer under the right length), content_type (the right
  answer, wrongly labelled), expired_token (401 as this API says it).
  lists repeat each n-th row, or hold back the newest rows on every second
  call, so that rows move between pages.

A single request fails when it carries the header X-Sandbox-Fault, with the
same words: "status=503;times=2;latency=200ms" fails twice, then works.

The truth can be read and changed while the sandbox runs:

  GET    /_control/accounts                                names, base URLs, credentials
  GET    /_control/planted                                 the differences that a run must find
  GET    /_control/requests                                counts, and the busiest second, by account
  GET    /_control/accounts/NAME/deposit?reference=REF     transactions (or payout), all or by reference
  GET    /_control/accounts/NAME/deposit/ID                one transaction
  PUT    /_control/accounts/NAME/deposit/ID                changes the fields in the body, or makes a new one
  DELETE /_control/accounts/NAME/deposit/ID                now the provider does not know it
  GET    /_control/accounts/NAME/callbacks                 what the provider posted to the merchant so far, signed, one a line
  POST   /_control/reset                                   everything as at the start

Callbacks are of the form that "tieout import callbacks --provider NAME" reads.
pawapay's are signed for an address: ?url=https://... (else
https://merchant.example/callbacks), which is its option callback_url.

An item of a pivot payout batch is named by ?reference= beside the batch's id.
A transaction looks so; amounts are decimal texts:

  {"id": "pay_3LmNq8ZtXv5RbKw1YcGd", "reference": "DP-20260302-000017",
   "status": "completed", "amount": "1500.00", "currency": "KES",
   "refunds": [{"id": "ref_1", "amount": "500.00", "status": "completed",
                "created_at": "2026-03-02T11:00:00Z"}],
   "created_at": "2026-03-02T09:14:05Z", "fault": "down"}

fault makes single answers unusable: down, refused, garbage, amount,
status_word, hidden_list.
`
