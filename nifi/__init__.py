"""The NiFi flows as code: what they read, how they are deployed, and the processors that NiFi has not."""
