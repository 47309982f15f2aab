"""Everything that knows Kore.ai, and nothing else does.

`endpoints` builds requests; `classify` says what a response means (with `response_headers`, `error_body`,
`error_meaning`) as a `verdict`; `credentials_advice` says what to check when credentials are refused: values in, values
out. `auth` signs tokens, `http` sends, `content_encoding` unpacks bodies, `threaded_resolver` looks up names,
`transport_errors` says what a failed connection means.
"""
