"""What hints mean, at length, by their keys; see :mod:`tfsclient._cli.explanations`."""

from __future__ import annotations

from typing import Final

from tfsclient._cli.explanation import Explanation, explain_as

HINTS: Final[tuple[Explanation, ...]] = (
    explain_as(
        "tls",
        "TLS may be what failed",
        """
The target uses TLS (`grpcs://`, `https://`) and no connection was made.
Neither gRPC nor HTTP say clearly why. Usual causes:

- The server's certificate is signed by an authority of your own: name its file.
- The name in the certificate is not the target's: say which one is right.
- The server asks for a certificate of yours (mTLS): give it, with its key.
- A certificate has expired, on either side.
- The server does not speak TLS at all: TF Serving's REST port never does, and its
  gRPC port only with `--ssl_config_file`.

`doctor` talks to the port itself and says which it is:

    tfsclient doctor grpcs://models.example.com:8500 digits --ca ca.pem
    tfsclient status grpcs://10.0.0.1:8500 digits --ca ca.pem \\
        --server-name models.example.com --cert me.crt --key me.key

In Python: `Client(target, tls=TLS(ca=..., cert=..., key=..., server_name=...))`.
""",
    ),
    explain_as(
        "too_busy",
        "The server's gRPC threads are all busy",
        """
TF Serving answers gRPC calls on a fixed number of threads, 4 a CPU by default, and
refuses at once what comes beyond them. The client sends such calls again, fewer at
a time, until they get through; here the timeout ended first.

- Start the server with more threads: `--grpc_max_threads=64`.
- Give the calls more time, or make fewer at once.
- Use REST, where calls wait for their turn.
- Send larger batches: one call with 32 rows takes one thread.
""",
    ),
    explain_as(
        "which_signature",
        "The model has several signatures",
        """
None of them is called `serving_default`, so which one to call must be said. See
what there is, and choose:

    tfsclient inspect localhost:8500 digits
    tfsclient predict localhost:8500 digits --signature NAME --input ...

In Python: `client.predict("digits", inputs, signature="NAME")`.
""",
    ),
    explain_as(
        "no_signatures",
        "The model was exported without signatures",
        """
A SavedModel without signatures can be loaded, but not called: there is no name for
what goes in and what comes out. Export it again with one: `tfsclient export` makes
it from a .keras file, a checkpoint or a frozen graph.

    model.export("models/digits/2")                      # Keras 3

    spec = tf.TensorSpec([None, 8, 8], tf.float32, "images")
    serve = tf.function(lambda images: {"scores": model(images)}, [spec])
    signatures = {"serving_default": serve}
    tf.saved_model.save(model, "models/digits/2", signatures=signatures)

Check what was written with `tfsclient inspect models/digits`.
""",
    ),
    explain_as(
        "validate",
        "The inputs do not fit the signature",
        """
They were refused before anything was sent. Mostly the inputs are wrong, and the
error says how. But a signature is only what somebody wrote down at the export, and
the model may take more than it says.

If so, `client.predict(..., validate=False)` sends the inputs as they are, and the
server decides. Names must be given then: `{"images": images}`. To fix it for good,
export the model with a signature that is true.
""",
    ),
    explain_as(
        "by_name",
        "The signature has several inputs",
        """
One value alone says nothing about which input it is for. Give each by its name:

    tfsclient inspect localhost:8500 wide
    tfsclient predict localhost:8500 wide -i ages='[31, 47]' -i heights=@h.npy

In Python: `client.predict("wide", {"ages": ages, "heights": heights})`.
""",
    ),
    explain_as(
        "no_labels",
        "What the classes are called is not known",
        """
A signature tells how many scores there are, not what they are for: the labels stand
in the model's meaning, a file `meaning.toml` that no server hands out.

    [signatures.serving_default.outputs.scores]
    kind = "scores"
    labels = "labels.txt"                # in the same folder; or a list

Give it to the client, which then has them for every answer:

    meaning = tfsclient.meaning.read("meaning.toml")
    client = Client(target, meanings={"digits": meaning})
    client.predict("digits", images).top("scores", 3)

On the command line: `tfsclient predict ... --meaning meaning.toml --top 3`.
""",
    ),
    explain_as(
        "no_metadata",
        "The server does not say what the model's signatures are",
        """
The client asks for them before the first call, to know which inputs there are and
of which dtype. The server answered that there is no such model, or no such call:

- The name or the version is wrong: see `tfsclient explain NOT_FOUND`.
- It is another server, which lacks metadata, or a gateway that lets nothing but
  predictions pass. Then give the signatures from a SavedModel or a schema:

      model = tfsclient.sources.from_saved_model("models/digits")
      client = Client(target, schemas={"digits": model})

  On the command line: `tfsclient predict ... --saved-model models/digits`.

- Over gRPC, `client.predict("digits", {"images": images}, validate=False)` sends
  named inputs without asking.
""",
    ),
    explain_as(
        "use_grpc",
        "REST cannot do this",
        """
Nothing was sent: TF Serving's JSON has no form for some dtypes (float16, bfloat16,
uint16, complex, quantized, ...), it cannot call signatures without inputs, it does
not fill in defaults, and there are no reloads and no multi-inference over REST.

Over gRPC all of it works, on the server's other port:

    tfsclient predict localhost:8500 digits --input ...

In Python: `Client("localhost:8500")` in place of `Client("http://localhost:8501")`;
the methods are the same.
""",
    ),
    explain_as(
        "not_restored",
        "The model was saved without the variables that it reads",
        """
`Could not find variable ...`: the server has loaded the model, but nothing in it
sets the variables that this signature reads. So it is with a Keras 3 model
that was saved with `tf.saved_model.save(model, DIR)`, `signatures=` or not:
TensorFlow does not see the variables that Keras keeps, and no server restores them.
Make a version of it that is restored, or save the model again:

    tfsclient export models/digits/1 --out models/digits
    model.export("models/digits/2")

For signatures of your own, `keras.export.ExportArchive` takes functions and tracks
the model's variables. Of a `tf.Module`, keep every variable that a function reads
as an attribute of the saved object.

`tfsclient inspect models/digits`, `tfsclient doctor models/digits` and
`tfsclient serve` say which signatures of a folder are like that before anybody
calls them.
""",
    ),
    explain_as(
        "redeployed",
        "The answer does not fit the signature that the client knows",
        """
Outputs are missing that the signature has. Most likely another model was deployed
under this name after the signature was read: by a generated client when it was
generated, by a schema when it was saved.

See what has changed, and generate the client anew if it should call this model:

    tfsclient-gen drift --lock clients/tfsclient.lock.json --server localhost:8500

To keep calling the old one, name its version or a label: `--version`, `--label`.
""",
    ),
)
