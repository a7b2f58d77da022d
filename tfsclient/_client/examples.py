"""The calls of a client that take tf.Examples, in both colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfsclient._calls.options import DEFAULT, Flag, Headers, Options, Timeout
from tfsclient._client.recipe import Remade
from tfsclient._client.sending import Sender
from tfsclient._codec.inference import Task
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.example import ExampleLike, Examples
from tfsclient.results import Classes, Float32s
from tfsclient.schema import Signature

if TYPE_CHECKING:
    from tfsclient._client.sending_aio import AsyncSender


class ExampleCalls(Remade):
    """For threads."""

    _sender: Sender

    def classify(
        self,
        model: str,
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> Classes:
        """Classify tf.Examples by the server's Classify call.

        Examples are checked, and 3 becomes 3.0 where the model parses floats, if the features are
        known: from ``Client(schemas=...)`` or a ``Signature``, read from a SavedModel.  A server
        does not include them.

        Args:
            model: the model's name.
            examples: a list of Examples, each an :class:`Example`, a dict of features, a
                ``tf.train.Example`` message or its bytes; or a table, whose rows they are.
            context: an Example whose features all of them share; their own win.
            signature: the signature to run; None for serving_default.
            version: the version to run; None for the latest.
            label: run the version with this label; not together with ``version``.
            timeout: seconds for the whole call; None for no limit.
            headers: metadata for this call, added to the client's.
            validate: whether to check the examples against the features, if those are known.

        Returns:
            For each example a list of (label, score), in the model's order.  The label is "" where
            the model gives scores only, the score 0.0 where it gives labels only.

        Raises:
            InvalidInput: an example cannot be written, or does not fit; nothing was sent.
            TFSError: the call failed.
        """
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.classify(
            ModelRef(model, version, label), signature, examples, context, options
        )
        return self._sender.run(flow, options)

    def regress(
        self,
        model: str,
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> Float32s:
        """Get a number for each tf.Example by the server's Regress call.

        Arguments and errors are those of :meth:`classify`.

        Returns:
            float32 [n], one value for each example.
        """
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.regress(
            ModelRef(model, version, label), signature, examples, context, options
        )
        return self._sender.run(flow, options)

    def multi_inference(
        self,
        model: str,
        tasks: Mapping[str, Task],
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> dict[str, Classes | Float32s]:
        """Run several classify and regress signatures on the same tf.Examples; over gRPC only.

        Args:
            model: the model's name.
            tasks: "classify" or "regress" for each signature's name.
            examples: as for :meth:`classify`, and so are the rest.
            context: an Example whose features all of them share.
            version: the version to run.
            label: run the version with this label.
            timeout: seconds for the whole call.
            headers: metadata for this call.
            validate: whether to check the examples, if all the signatures' features are known.

        Returns:
            By signature, what :meth:`classify` or :meth:`regress` returns.

        Raises:
            Unimplemented: the target is REST, which has no such call.
        """
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.multi_inference(
            ModelRef(model, version, label), tasks, examples, context, options
        )
        return self._sender.run(flow, options)


class AsyncExampleCalls(Remade):
    """For asyncio."""

    _sender: AsyncSender

    async def classify(
        self,
        model: str,
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> Classes:
        """Classify tf.Examples; see :meth:`tfsclient.Client.classify`."""
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.classify(
            ModelRef(model, version, label), signature, examples, context, options
        )
        return await self._sender.run(flow, options)

    async def regress(
        self,
        model: str,
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> Float32s:
        """Get a number for each tf.Example; see :meth:`tfsclient.Client.regress`."""
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.regress(
            ModelRef(model, version, label), signature, examples, context, options
        )
        return await self._sender.run(flow, options)

    async def multi_inference(
        self,
        model: str,
        tasks: Mapping[str, Task],
        examples: Examples,
        context: ExampleLike | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
    ) -> dict[str, Classes | Float32s]:
        """Run several signatures on tf.Examples; see :meth:`tfsclient.Client.multi_inference`."""
        options = Options(None, timeout, headers, validate)
        flow = self._sender.flows.multi_inference(
            ModelRef(model, version, label), tasks, examples, context, options
        )
        return await self._sender.run(flow, options)
