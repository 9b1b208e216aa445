"""HTTP: the server, connections, exchanges, problem details, and who answers which route."""
