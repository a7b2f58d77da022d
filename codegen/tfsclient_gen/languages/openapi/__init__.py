"""OpenAPI: a document of the model's REST routes, for tools that make clients and pages from it."""
