package client

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure an Error is, in gRPC's words. REST has fewer statuses than gRPC
// has codes: over HTTP, FailedPrecondition and OutOfRange arrive as InvalidArgument, AlreadyExists
// as Aborted, Unknown and DataLoss as Internal.
type Code string

// The codes of gRPC.
const (
	Canceled           Code = "CANCELLED"
	Unknown            Code = "UNKNOWN"
	InvalidArgument    Code = "INVALID_ARGUMENT"
	DeadlineExceeded   Code = "DEADLINE_EXCEEDED"
	NotFound           Code = "NOT_FOUND"
	AlreadyExists      Code = "ALREADY_EXISTS"
	PermissionDenied   Code = "PERMISSION_DENIED"
	ResourceExhausted  Code = "RESOURCE_EXHAUSTED"
	FailedPrecondition Code = "FAILED_PRECONDITION"
	Aborted            Code = "ABORTED"
	OutOfRange         Code = "OUT_OF_RANGE"
	Unimplemented      Code = "UNIMPLEMENTED"
	Internal           Code = "INTERNAL"
	Unavailable        Code = "UNAVAILABLE"
	DataLoss           Code = "DATA_LOSS"
	Unauthenticated    Code = "UNAUTHENTICATED"
)

var (
	// ErrNotSent is what an Error wraps if nothing was sent: an argument is wrong, or the transport
	// cannot carry it.
	ErrNotSent = errors.New("not sent")
	// ErrBadAnswer is what an Error wraps if the answer is not what TensorFlow Serving answers for
	// the signature that this client was generated from.
	ErrBadAnswer = errors.New("bad answer")
)

// Error is the type of all errors of this package.
type Error struct {
	// Code is the kind of failure, whether the server or this client found it.
	Code Code
	// Message is the reason, as the server or the transport gave it.
	Message string
	// HTTPStatus is the status of the answer; 0 where there was none.
	HTTPStatus int
	// Target, Model and Signature tell what was called; Model and Signature are empty in errors of New.
	Target, Model, Signature string
	// Err is the cause, if there is one: ErrNotSent, ErrBadAnswer, context.DeadlineExceeded, an error
	// of net/http, a gRPC status.
	Err error
}

// Error tells where, what kind and why.
func (e *Error) Error() string {
	var parts []string
	if e.Target != "" {
		parts = append(parts, e.Target)
	}
	if e.Model != "" {
		parts = append(parts, fmt.Sprintf("model %q, signature %q", e.Model, e.Signature))
	}
	return strings.Join(append(parts, string(e.Code), e.Message), ": ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error {
	return e.Err
}

// invalid is an argument that is refused.
func invalid(format string, args ...any) *Error {
	return &Error{Code: InvalidArgument, Message: fmt.Sprintf(format, args...), Err: ErrNotSent}
}

// unsupported is what the transport cannot carry.
func unsupported(format string, args ...any) *Error {
	return &Error{Code: Unimplemented, Message: fmt.Sprintf(format, args...), Err: ErrNotSent}
}

// badAnswer is an answer that cannot be understood.
func badAnswer(format string, args ...any) *Error {
	return &Error{Code: Internal, Message: fmt.Sprintf(format, args...), Err: ErrBadAnswer}
}

// about puts what an error is about before its message.
func about(err error, format string, args ...any) error {
	var e *Error
	if errors.As(err, &e) {
		e.Message = fmt.Sprintf(format, args...) + ": " + e.Message
	}
	return err
}
