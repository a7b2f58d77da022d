"""The local server: TensorFlow runs SavedModels behind TF Serving's gRPC and REST interfaces."""
