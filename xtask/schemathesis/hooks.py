"""What Schemathesis cannot know by itself."""

import schemathesis


@schemathesis.serializer("application/wasm")
def component(context, value):
    """A component is bytes, whatever they are."""
    return {"data": value if isinstance(value, bytes) else str(value).encode()}
