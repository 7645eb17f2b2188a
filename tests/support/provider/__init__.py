"""A stand-in for Twilio's messaging API, as its own process with its own ledger.

The ledger is what patients received, so it must survive the death of the application under test: it is a
SQLite file written by this process alone. Time is accelerated: nothing happens by timers; a test says when
the carrier moves on and when callbacks leave. `tests.support.provider_client.Provider` drives it.

Parameters, statuses and error codes follow Twilio's public API reference (Messages resource, Messaging
webhooks, error dictionary; read 2026).
"""
