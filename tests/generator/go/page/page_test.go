package page

import (
	"context"
	"errors"
	"os"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"example.com/ml/clients/digits"
	"example.com/ml/clients/tfs"
)

var targets = []string{os.Getenv("TFSCLIENT_GRPC"), os.Getenv("TFSCLIENT_REST")}

func TestThePageRuns(t *testing.T) {
	if err := page(t.Context(), tfs.NewTensor(make([]float32, 1000*64), 1000, 8, 8)); err != nil {
		t.Error(err)
	}
}

func TestSpansOfBothTransports(t *testing.T) {
	for _, target := range targets {
		exporter := tracetest.NewInMemoryExporter()
		provider := trace.NewTracerProvider(trace.WithSyncer(exporter))
		tracer := provider.Tracer("test")
		client, err := digits.New(target, tfs.WithVersion(1), traced(tracer))
		if err != nil {
			t.Fatal(err)
		}
		ctx, parent := tracer.Start(t.Context(), "request")
		in := digits.ServingDefaultInput{Images: tfs.NewTensor(make([]float32, 64), 1, 8, 8)}
		if _, err := client.ServingDefault(ctx, in); err != nil {
			t.Fatal(err)
		}
		if _, err := client.ServingDefault(ctx, in, tfs.WithVersion(99)); err == nil {
			t.Error("there is a version 99")
		}
		parent.End()
		if err := errors.Join(client.Close(), provider.ForceFlush(context.Background())); err != nil {
			t.Fatal(err)
		}
		spans := exporter.GetSpans()
		if len(spans) != 3 {
			t.Fatal(spans)
		}
		for i, want := range []struct {
			version int64
			code    string
			status  codes.Code
		}{{1, "OK", codes.Unset}, {0, "NOT_FOUND", codes.Error}} {
			span := spans[i]
			found := attribute.NewSet(span.Attributes...)
			is := func(key attribute.Key, value attribute.Value) {
				if got, _ := found.Value(key); got != value {
					t.Errorf("%s: %v, not %v", key, got, value)
				}
			}
			is("tfserving.model", attribute.StringValue("digits"))
			is("tfserving.signature", attribute.StringValue("serving_default"))
			is("tfserving.version", attribute.Int64Value(want.version))
			is("tfserving.code", attribute.StringValue(want.code))
			is("server.address", attribute.StringValue(target))
			if span.Name != "Predict digits" || span.Status.Code != want.status || !span.EndTime.After(span.StartTime) ||
				span.Parent.SpanID() != parent.SpanContext().SpanID() {
				t.Errorf("%+v", span)
			}
		}
	}
}
