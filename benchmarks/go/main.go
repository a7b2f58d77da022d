// Command benchmark times the generated client and a hand-written one, turn by turn, for
// benchmarks/generated.py: cases come on standard input, times go to standard output.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"slices"
	"syscall"
	"time"

	"benchmark/model"
	"benchmark/protos"
	"benchmark/tfs"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type job struct {
	Rounds  int
	Seconds float64
	Cases   []benchCase
}

type benchCase struct {
	Name, Signature, Target string
	Rest                    bool
	Input, Output           tensor
}

// tensor is an input or an output; one of the slices holds its elements.
type tensor struct {
	Name    string
	Shape   []int
	Floats  []float32
	Ints    []int64
	Strings []string
	rows    [][]float32
}

type caller func() (tensor, error)

// timing is what a call took, by the clock and of the processors.
type timing struct {
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
}

func main() {
	log.SetFlags(0)
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		log.Fatal(err)
	}
	results := make(map[string]map[string][]timing)
	for _, c := range j.Cases {
		result, err := compare(c, j)
		if err != nil {
			log.Fatalf("%s: %v", c.Name, err)
		}
		results[c.Name] = result
	}
	report := map[string]any{"versions": map[string]string{"go": runtime.Version(), "grpc-go": grpc.Version}, "cases": results}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		log.Fatal(err)
	}
}

// compare gives each peer turns of its own, which start without the other's garbage.
func compare(c benchCase, j job) (map[string][]timing, error) {
	client, err := model.New(c.Target)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	byHand := overREST(c)
	if !c.Rest {
		conn, err := grpc.NewClient(c.Target,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		byHand = overGRPC(conn, c)
	}
	peers := map[string]caller{"generated": generated(client, c), "by hand": byHand}
	results := make(map[string][]timing)
	for round := -1; round < j.Rounds; round++ {
		for name, call := range peers {
			if round < 0 {
				if err := check(call, c.Output); err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
			}
			runtime.GC()
			took, err := measure(call, j.Seconds)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if round >= 0 {
				results[name] = append(results[name], took)
			}
		}
	}
	return results, nil
}

func check(call caller, want tensor) error {
	got, err := call()
	if err != nil {
		return err
	}
	if got.rows != nil {
		got.Shape = []int{len(got.rows), len(got.rows[0])}
		got.Floats = slices.Concat(got.rows...)
		got.rows = nil
	}
	got.Name = want.Name
	if len(want.Shape) == 0 {
		want.Shape, got.Shape = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("a wrong answer: %.200v, not %.200v", got, want)
	}
	return nil
}

func measure(call caller, seconds float64) (timing, error) {
	var times []float64
	before, cpu := time.Now(), cpuSeconds()
	for end := before.Add(time.Duration(seconds * float64(time.Second))); before.Before(end); {
		if _, err := call(); err != nil {
			return timing{}, err
		}
		after := time.Now()
		times = append(times, after.Sub(before).Seconds())
		before = after
	}
	used := (cpuSeconds() - cpu) / float64(len(times))
	slices.Sort(times)
	return timing{times[len(times)/2], used}, nil
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// generated calls the method of the case.
func generated(client *model.Client, c benchCase) caller {
	ctx := context.Background()
	floats := tfs.Tensor[float32]{Data: c.Input.Floats, Shape: c.Input.Shape}
	switch c.Signature {
	case "scalar":
		return func() (tensor, error) {
			out, err := client.Scalar(ctx, model.ScalarInput{X: floats})
			if err != nil {
				return tensor{}, err
			}
			return tensor{Shape: out.Scores.Shape, Floats: out.Scores.Data}, nil
		}
	case "digit":
		return func() (tensor, error) {
			out, err := client.Digit(ctx, model.DigitInput{Image: floats})
			if err != nil {
				return tensor{}, err
			}
			return tensor{Shape: out.Scores.Shape, Floats: out.Scores.Data}, nil
		}
	case "image":
		return func() (tensor, error) {
			out, err := client.Image(ctx, model.ImageInput{Image: floats})
			if err != nil {
				return tensor{}, err
			}
			return tensor{Shape: out.Scores.Shape, Floats: out.Scores.Data}, nil
		}
	case "strings-up":
		text := tfs.Tensor[string]{Data: c.Input.Strings, Shape: c.Input.Shape}
		return func() (tensor, error) {
			out, err := client.StringsUp(ctx, model.StringsUpInput{Text: text})
			if err != nil {
				return tensor{}, err
			}
			return tensor{Shape: out.Scores.Shape, Floats: out.Scores.Data}, nil
		}
	case "strings-down":
		return func() (tensor, error) {
			out, err := client.StringsDown(ctx, model.StringsDownInput{X: floats})
			if err != nil {
				return tensor{}, err
			}
			return tensor{Shape: out.Text.Shape, Strings: out.Text.Data}, nil
		}
	case "ints-down":
		return func() (tensor, error) {
			out, err := client.IntsDown(ctx, model.IntsDownInput{X: floats})
			if err != nil {
				return tensor{}, err
			}
			return tensor{Shape: out.IDs.Shape, Ints: out.IDs.Data}, nil
		}
	}
	return func() (tensor, error) { return tensor{}, fmt.Errorf("no call for signature %q", c.Signature) }
}

const timeout = time.Minute

// overGRPC calls by the compiled official messages.
func overGRPC(conn *grpc.ClientConn, c benchCase) caller {
	return func() (tensor, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		input := &protos.TensorProto{TensorShape: new(protos.TensorShapeProto)}
		for _, size := range c.Input.Shape {
			dim := &protos.TensorShapeProto_Dim{Size: int64(size)}
			input.TensorShape.Dim = append(input.TensorShape.Dim, dim)
		}
		if c.Input.Strings != nil {
			input.Dtype = protos.DataType_DT_STRING
			for _, s := range c.Input.Strings {
				input.StringVal = append(input.StringVal, []byte(s))
			}
		} else {
			input.Dtype = protos.DataType_DT_FLOAT
			input.FloatVal = c.Input.Floats
		}
		request := &protos.PredictRequest{
			ModelSpec: &protos.ModelSpec{Name: "model", SignatureName: c.Signature},
			Inputs:    map[string]*protos.TensorProto{c.Input.Name: input},
		}
		response := new(protos.PredictResponse)
		if err := conn.Invoke(ctx, "/tensorflow.serving.PredictionService/Predict", request, response); err != nil {
			return tensor{}, err
		}
		output := response.Outputs[c.Output.Name]
		result := tensor{Floats: output.GetFloatVal(), Ints: output.GetInt64Val()}
		for _, dim := range output.GetTensorShape().GetDim() {
			result.Shape = append(result.Shape, int(dim.Size))
		}
		for _, s := range output.GetStringVal() {
			result.Strings = append(result.Strings, string(s))
		}
		return result, nil
	}
}

// overREST calls by encoding/json, on the nested slices that it wants.
func overREST(c benchCase) caller {
	client := &http.Client{Timeout: timeout}
	images := nested(c.Input)
	type request struct {
		SignatureName string                     `json:"signature_name"`
		Inputs        map[string][][][][]float32 `json:"inputs"`
	}
	type response struct {
		Outputs [][]float32 `json:"outputs"`
	}
	return func() (tensor, error) {
		body, err := json.Marshal(request{c.Signature, map[string][][][][]float32{c.Input.Name: images}})
		if err != nil {
			return tensor{}, err
		}
		answer, err := client.Post(c.Target+"/v1/models/model:predict", "application/json", bytes.NewReader(body))
		if err != nil {
			return tensor{}, err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return tensor{}, fmt.Errorf("HTTP %s", answer.Status)
		}
		var result response
		if err := json.NewDecoder(answer.Body).Decode(&result); err != nil {
			return tensor{}, err
		}
		return tensor{rows: result.Outputs}, nil
	}
}

// nested gives images as slices in slices; other tensors are not sent over REST here.
func nested(t tensor) [][][][]float32 {
	if len(t.Shape) != 4 {
		return nil
	}
	images := make([][][][]float32, t.Shape[0])
	rest := t.Floats
	for i := range images {
		images[i] = make([][][]float32, t.Shape[1])
		for row := range images[i] {
			images[i][row] = make([][]float32, t.Shape[2])
			for pixel := range images[i][row] {
				images[i][row][pixel], rest = rest[:t.Shape[3]], rest[t.Shape[3]:]
			}
		}
	}
	return images
}
