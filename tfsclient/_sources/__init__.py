"""Where schemas and configurations come from: metadata answers, SavedModel folders, files."""
