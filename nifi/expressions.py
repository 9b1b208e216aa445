"""Reads the properties of a processor that hold NiFi's expression language."""

from __future__ import annotations

from typing import Any


def evaluated(context: Any, descriptor: Any, flowfile: Any = None) -> str:
    """The property's value with its expressions filled in from the FlowFile's attributes and NiFi's environment.

    NiFi's own Python method takes `${A}:${B}` for a single name, so its Java one is asked.
    """
    value = context.getProperty(descriptor).property_value
    filled = value.evaluateAttributeExpressions(*([flowfile.getAttributes()] if flowfile else []))
    return str(filled.getValue())
