"""An event of each type that the API takes, for people who try it."""

from __future__ import annotations

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "ProductView": {
        "event": "ProductView",
        "userid": "user-78",
        "properties": {"productid": "product-173"},
        "context": {"source": "desktop"},
    },
    "GameEvent": {
        "event_type": "purchase_sword",
        "Host": "user1.comcast.com",
        "Accept": "*/*",
        "User-Agent": "console",
        "type": "katana",
        "cost": 10,
    },
    "OrderEvent": {
        "event": "OrderEvent",
        "userid": "user-346",
        "lineitems": [{"productid": "product-784", "quantity": 3}],
        "orderid": 50000,
    },
    "UserAction": {
        "userid": "user-78",
        "lastAction": "SHOPPING_CART",
        "productid": "product-173",
        "cart_value": 1999,
    },
}
"""By the name of the contract; identity and time are left to the API."""
