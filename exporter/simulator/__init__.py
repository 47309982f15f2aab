"""A local imitation of the campaign API: for trying things out without an account, and for tests.

`samples` makes campaigns in all the shapes that the vendor's pages show. `behaviour` is what the imitation does with
a request: credentials, rate limit, faults, the list call. `server` puts it behind real sockets. It enforces its
limit and keeps a log of every arrival.
"""
