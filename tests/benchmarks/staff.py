"""The member of staff who is signed in everywhere, and the key that signs the sessions."""

EMAIL = "staff@example.com"
PASSWORD = "correct horse battery"
SECRET = "only-for-benchmarks-only-for-benchmarks"
