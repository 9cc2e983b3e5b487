"""Posts a webhook to an address that was resolved once and checked, signed, without redirects."""
from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx

from api.domain.jobs.webhook import Address, WebhookTarget, may_be_reached, signature, webhook_target

SECONDS = 10.0
MAX_ADDRESSES = 3
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


class NotDelivered(Exception):
    """The receiver did not take the hook; the message is for the operator, and holds nothing that came from the receiver."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent: `delivery_id` is the same each time it is tried, `sent_at` the Unix time of this one."""

    event: str
    delivery_id: str
    sent_at: int
    body: bytes


async def resolve(host: str, port: int) -> Sequence[Address]:
    """The addresses of a host, in the order in which they should be tried. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(place[4][0]) for place in found))


def trusted_authorities() -> ssl.SSLContext:
    """Trusts the public authorities, and those that this host has beside them."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


@dataclass(frozen=True)
class WebhookPost:
    """Sends webhooks to the hosts of a list; proxies of the environment are not used, since they would do the connecting."""

    hosts: Sequence[str]
    private: bool
    secret: str = field(repr=False)
    resolve: Resolve = resolve
    tls: ssl.SSLContext = field(default_factory=trusted_authorities)
    seconds: float = SECONDS

    async def send(self, url: str, delivery: Delivery) -> None:
        """Deliver once. Raises NotDelivered, and the refusals of `webhook_target` where the host is not, or no longer, on the list."""
        target = webhook_target(url, self.hosts, self.private)
        try:
            # However slowly each byte comes: a receiver has so much time for all of it.
            async with asyncio.timeout(self.seconds):
                status = await self._post(target, delivery)
        except TimeoutError:
            raise NotDelivered("the receiver did not answer in time") from None
        if not 200 <= status < 300:
            raise NotDelivered(f"the receiver answered {status}")

    async def _post(self, target: WebhookTarget, delivery: Delivery) -> int:
        for address in (await self._addresses(target))[:MAX_ADDRESSES]:
            try:
                return await self._post_to(address, target, delivery)
            except httpx.ConnectError:
                continue
            except httpx.HTTPError as failed:
                raise NotDelivered(f"the receiver did not answer: {type(failed).__name__}") from failed
        raise NotDelivered("the receiver cannot be connected to")

    async def _addresses(self, target: WebhookTarget) -> Sequence[Address]:
        """The addresses to connect to; the name is not looked up again, so nobody can move it between check and use."""
        try:
            found = await self.resolve(target.host, target.port)
        except OSError:
            raise NotDelivered("the receiver's name leads nowhere") from None
        if not all(may_be_reached(address, target.scheme, self.private) for address in found):
            raise NotDelivered("the receiver's name leads to an address that may not be connected to")
        return found

    async def _post_to(self, address: Address, target: WebhookTarget, delivery: Delivery) -> int:
        url = httpx.URL(scheme=target.scheme, host=str(address), port=target.port, raw_path=target.target.encode("ascii"))
        async with (
            httpx.AsyncClient(verify=self.tls, timeout=self.seconds, trust_env=False, follow_redirects=False) as client,
            client.stream(
                "POST", url, content=delivery.body, headers={"Host": target.authority, **self._headers(delivery)},
                extensions={"sni_hostname": target.host}) as response,
        ):
            return response.status_code

    def _headers(self, delivery: Delivery) -> Mapping[str, str]:
        return {
            "Content-Type": "application/json", "User-Agent": "sample-platform-ci", "X-CI-Event": delivery.event,
            "X-CI-Delivery": delivery.delivery_id, "X-CI-Timestamp": str(delivery.sent_at),
            "X-CI-Signature-256": signature(self.secret, delivery.sent_at, delivery.body)}
