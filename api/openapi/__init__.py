"""The OpenAPI and AsyncAPI descriptions."""
