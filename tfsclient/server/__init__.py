"""The local server: TensorFlow runs SavedModels behind TF Serving's own gRPC and REST interfaces."""
