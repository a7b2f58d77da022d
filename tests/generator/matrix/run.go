package main

import (
	"bytes"
	"context"
	"encoding"
	"encoding/binary"
	"encoding/json"
	"os"
	"reflect"
	"strconv"
)

// model is a generated client: how it is opened, and an empty Example of each method that has a
// type for them.
type model struct {
	open     func(target string) (any, error)
	examples map[string]any
}

type tensor struct {
	Shape   []int    `json:"shape"`
	Data    []byte   `json:"data,omitempty"`
	Strings [][]byte `json:"strings,omitempty"`
}

type feature struct{ Values []json.RawMessage }

// call names methods and fields as the client does. Examples fill the field that is named.
type call struct {
	Model, Method, Kind, Field string
	Inputs                     map[string]tensor
	Examples                   []map[string]feature
}

type result struct {
	Outputs map[string]tensor `json:"outputs"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
}

func main() {
	var given struct {
		Target string
		Calls  []call
	}
	check(json.NewDecoder(os.Stdin).Decode(&given))
	clients := make(map[string]any)
	for name, m := range models {
		client, err := m.open(given.Target)
		check(err)
		clients[name] = client
	}
	out := json.NewEncoder(os.Stdout)
	for _, c := range given.Calls {
		check(out.Encode(run(clients[c.Model], c)))
	}
}

func run(client any, c call) result {
	method := reflect.ValueOf(client).MethodByName(c.Method)
	in := reflect.New(method.Type().In(1)).Elem()
	for name, t := range c.Inputs {
		fill(in.FieldByName(name), t)
	}
	if c.Examples != nil {
		setExamples(in, c)
	}
	got := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	if err, failed := got[1].Interface().(error); failed {
		code := reflect.ValueOf(err).Elem().FieldByName("Code").String()
		return result{Code: code, Message: err.Error()}
	}
	switch value := got[0]; c.Kind {
	case "predict":
		outputs := make(map[string]tensor)
		for _, field := range reflect.VisibleFields(value.Elem().Type()) {
			t := value.Elem().FieldByIndex(field.Index)
			if t.Kind() != reflect.Struct { // the version
				continue
			}
			outputs[field.Name] = told(t.FieldByName("Data"), t.FieldByName("Shape").Interface().([]int))
		}
		return result{Outputs: outputs}
	case "regress":
		return result{Outputs: map[string]tensor{"value": told(value, []int{value.Len()})}}
	default:
		var labels []string
		var scores []float32
		for i := range value.Len() {
			for j := range value.Index(i).Len() {
				class := value.Index(i).Index(j)
				labels = append(labels, class.FieldByName("Label").String())
				scores = append(scores, float32(class.FieldByName("Score").Float()))
			}
		}
		return result{Outputs: map[string]tensor{
			"label": told(reflect.ValueOf(labels), []int{len(labels)}),
			"score": told(reflect.ValueOf(scores), []int{len(scores)}),
		}}
	}
}

// fill sets a Tensor.
func fill(field reflect.Value, t tensor) {
	data := field.FieldByName("Data")
	if data.Type().Elem().Kind() == reflect.String {
		data.Set(reflect.MakeSlice(data.Type(), len(t.Strings), len(t.Strings)))
		for i, value := range t.Strings {
			data.Index(i).SetString(string(value))
		}
	} else {
		count := len(t.Data) / int(data.Type().Elem().Size())
		data.Set(reflect.MakeSlice(data.Type(), count, count))
		check(binary.Read(bytes.NewReader(t.Data), binary.LittleEndian, data.Interface()))
	}
	field.FieldByName("Shape").Set(reflect.ValueOf(t.Shape))
}

func told(data reflect.Value, shape []int) tensor {
	t := tensor{Shape: shape}
	if data.Type().Elem().Kind() == reflect.String {
		t.Strings = [][]byte{}
		for i := range data.Len() {
			t.Strings = append(t.Strings, []byte(data.Index(i).String()))
		}
		return t
	}
	var b bytes.Buffer
	check(binary.Write(&b, binary.LittleEndian, data.Interface()))
	t.Data = b.Bytes()
	return t
}

func setExamples(in reflect.Value, c call) {
	kind := reflect.TypeOf(models[c.Model].examples[c.Method])
	examples := reflect.MakeSlice(reflect.SliceOf(kind), len(c.Examples), len(c.Examples))
	for i, features := range c.Examples {
		for name, f := range features {
			set(examples.Index(i).FieldByName(name), f.Values)
		}
	}
	if c.Kind != "predict" {
		in.FieldByName(c.Field).Set(examples)
		return
	}
	t := tensor{Shape: []int{examples.Len()}}
	for i := range examples.Len() {
		data, err := examples.Index(i).Interface().(encoding.BinaryMarshaler).MarshalBinary()
		check(err)
		t.Strings = append(t.Strings, data)
	}
	fill(in.FieldByName(c.Field), t)
}

// set gives a field of an Example its values: it is one, a pointer to one, or a list.
func set(field reflect.Value, values []json.RawMessage) {
	switch field.Kind() {
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
		set(field.Elem(), values)
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), len(values), len(values)))
		for i := range values {
			set(field.Index(i), values[i:i+1])
		}
	case reflect.String:
		var text []byte
		check(json.Unmarshal(values[0], &text))
		field.SetString(string(text))
	case reflect.Int64:
		var digits string
		check(json.Unmarshal(values[0], &digits))
		number, err := strconv.ParseInt(digits, 10, 64)
		check(err)
		field.SetInt(number)
	default:
		check(json.Unmarshal(values[0], field.Addr().Interface()))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
