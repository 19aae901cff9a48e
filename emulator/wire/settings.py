"""What the documents of a bucket's settings say, for those whom they concern.

`emulator.operations._setting` has seen to it that they are of the right form.
"""

from functools import lru_cache
from xml.etree.ElementTree import Element, fromstring

from emulator.model import Bucket
from emulator.wire.xml import Content, build_document


def setting_text(bucket: Bucket, name: str, path: str, default: str = "") -> str:
    """The text at `path` of the setting called `name`; `default` where nobody has set it, or not that."""
    document = bucket.documents.get(name)
    return default if document is None else parse_setting(document).findtext(path, default)


@lru_cache(maxsize=256)
def parse_setting(document: str) -> Element:
    """The root of a document that a bucket keeps; not to be changed."""
    return fromstring(document)


def read_content(element: Element) -> Content:
    """What is inside of `element`, to become part of another document."""
    if not len(element):
        return element.text or ""
    return [(child.tag, read_content(child)) for child in element]


def named_settings(bucket: Bucket, sub_resource: str) -> dict[str, str]:
    """The documents of which a bucket has several, in the order of their names."""
    start = f"{sub_resource}/"
    return {
        name.removeprefix(start): document
        for name, document in sorted(bucket.documents.items())
        if name.startswith(start)
    }


def setting_document(root: str, content: Content) -> str:
    """The document as a bucket keeps it."""
    return build_document(root, content).decode()
