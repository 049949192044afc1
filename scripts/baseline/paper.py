"""The protocol's steps one by one in Python, with hashlib and libsecp256k1 (coincurve): a baseline for `lockstep bench paper`.

Prints one JSON object a line: {"phase", "mode", "payments", "amount", "samples", "bytes"}; times are seconds for all payments of a
channel together. Written from the specification, not from the Rust code; `python` makes and verifies real ECDSA, `python_paper` is
the paper's experiment: random strings of 40 characters as signatures, nothing verified.
"""

import argparse
import hashlib
import json
import os
import random
import string
import time

LETTERS = string.ascii_letters + string.digits
ZERO_LOCK = bytes(64)


def tag(name):
    text = b"lockstep/1/" + name.encode()
    return bytes([len(text)]) + text


def h(name, *parts):
    return hashlib.sha3_256(tag(name) + b"".join(parts)).digest()


def u32(value):
    return value.to_bytes(4, "big")


def u64(value):
    return value.to_bytes(8, "big")


def xor(left, right):
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def mask(signature):
    return hashlib.shake_256(tag("lock") + signature).digest(64)


class Key:
    """A secp256k1 key: RFC 6979 over a prehash, low-s, r‖s."""

    def __init__(self):
        from coincurve import PrivateKey
        from coincurve._libsecp256k1 import ffi, lib

        self.ffi, self.lib = ffi, lib
        self.secret = PrivateKey()
        self.context = self.secret.context.ctx
        self.public = self.secret.public_key.format(compressed=True)
        self.raw = ffi.new("unsigned char[32]", self.secret.secret)

    def sign(self, digest):
        signature = self.ffi.new("secp256k1_ecdsa_signature *")
        nothing = self.ffi.NULL
        assert self.lib.secp256k1_ecdsa_sign(self.context, signature, digest, self.raw, nothing, nothing) == 1
        out = self.ffi.new("unsigned char[64]")
        self.lib.secp256k1_ecdsa_signature_serialize_compact(self.context, out, signature)
        return bytes(self.ffi.buffer(out, 64))

    def verify(self, digest, compact):
        signature = self.ffi.new("secp256k1_ecdsa_signature *")
        parsed = self.lib.secp256k1_ecdsa_signature_parse_compact(self.context, signature, compact)
        point = self.secret.public_key.public_key
        return parsed == 1 and self.lib.secp256k1_ecdsa_verify(self.context, signature, digest, point) == 1


class Samples:
    def __init__(self):
        self.times, self.sizes = {}, {}

    def add(self, phase, seconds, size=None):
        self.times.setdefault(phase, []).append(seconds)
        if size is not None:
            self.sizes[phase] = size


def token_chain(nonce, seed, count):
    tokens = [h("seed", nonce, seed)]
    for c in range(count, 0, -1):
        tokens.append(h("token", nonce, u32(c), tokens[-1]))
    tokens.reverse()
    return tokens


def real_run(count, amount, out):
    bank, account, vendor = Key(), Key(), Key()
    ledger, nonce, units = os.urandom(32), os.urandom(32), count * amount

    began = time.perf_counter()
    client = Key()
    tokens = token_chain(nonce, os.urandom(32), units)
    have_keys = time.perf_counter()
    memo = h("memo")
    times = (int(time.time() * 1000), int(time.time() * 1000) + 300_000, int(time.time() * 1000) + 86_400_000)
    digest = h("request", ledger, nonce, bank.public, account.public, client.public, vendor.public, bytes(32),
               u64(1_000_000), u32(units), tokens[0], u64(times[1]), u64(times[2]), memo)
    request = (account.sign(digest), client.sign(digest))
    asked = time.perf_counter()
    assert account.verify(digest, request[0]) and client.verify(digest, request[1])
    reputations = (100, 50)
    assert min(reputations) >= 50
    fields = b"".join([b"\x01", ledger, nonce, bank.public, client.public, vendor.public, bytes(64),
                       u64(units * 1_000_000), u64(1_000_000), u32(units), tokens[0], bytes(reputations),
                       u64(times[0]), u64(times[1]), u64(times[2]), memo])
    channel = h("open", fields)
    sigma_0 = bank.sign(channel)
    granted = time.perf_counter()
    assert h("open", fields) == channel and bank.verify(channel, sigma_0)
    received = time.perf_counter()
    size = len(fields) + 64
    out.add("setup", received - began, size)
    out.add("setup_keys_and_chain", have_keys - began)
    out.add("setup_without_keys", received - have_keys, size)
    out.add("setup_bank", granted - asked, size)

    payments, wire = [], bytearray()
    hashing = signing = locking = 0.0
    tx, signature, lock = channel, sigma_0, ZERO_LOCK
    began = time.perf_counter()
    for i in range(1, count + 1):
        start = time.perf_counter()
        c = i * amount
        ts = max(times[0], int(time.time() * 1000))
        tx = h("pay", channel, tx, u32(i), u32(amount), u32(c), tokens[c], u64(ts), h("memo"), lock)
        hashed = time.perf_counter()
        locking_signature = client.sign(tx)
        signed = time.perf_counter()
        lock = xor(signature, mask(locking_signature))
        locked = time.perf_counter()
        signature = locking_signature
        payments.append((tx, lock))
        wire += u32(amount) + u64(ts) + tokens[c] + lock + b"\0\0"
        hashing += hashed - start
        signing += signed - hashed
        locking += locked - signed
    out.add("transaction", time.perf_counter() - began, len(wire) + 40 * -(-count // 512))
    out.add("transaction_hashing", hashing)
    out.add("transaction_signing", signing)
    out.add("transaction_locking", locking)

    began = time.perf_counter()
    current, receipts = signature, []
    for _, own_lock in reversed(payments):
        receipts.append(current)
        current = xor(own_lock, mask(current))
    out.add("release", time.perf_counter() - began, 64)
    assert current == sigma_0

    began = time.perf_counter()
    current = signature
    for own_tx, own_lock in reversed(payments):
        assert client.verify(own_tx, current)
        current = xor(own_lock, mask(current))
    assert bank.verify(channel, current)
    out.add("release_verified", time.perf_counter() - began, 64)


def mock_signature():
    return "".join(random.choices(LETTERS, k=40)).encode()


def paper_run(count, amount, out):
    began = time.perf_counter()
    tokens = [os.urandom(32)]
    for _ in range(count * amount):
        tokens.append(hashlib.sha3_256(tokens[-1]).digest())
    have_chain = time.perf_counter()
    client_reputation, vendor_reputation = 100, 50
    assert client_reputation >= 50 and vendor_reputation >= 50
    sigma_0 = mock_signature()
    message = u64(count * amount) + sigma_0 + bytes(64)
    received = bytes(message)
    ended = time.perf_counter()
    out.add("setup", ended - began, len(received))
    out.add("setup_keys_and_chain", have_chain - began)
    out.add("setup_without_keys", ended - have_chain, len(received))

    payments, wire = [], bytearray()
    tx, signature = hashlib.sha3_256(b"the opening").digest(), sigma_0
    began = time.perf_counter()
    tokens.pop()
    for _ in range(count):
        for _ in range(amount):
            token = tokens.pop() if tokens else b""
        tx = hashlib.sha3_256(tx).digest()
        locking = mock_signature()
        lock = xor(signature, hashlib.sha3_512(locking).digest()[:40])
        payments.append((token, tx, lock))
        wire += token + tx + lock
        signature = locking
    out.add("transaction", time.perf_counter() - began, len(wire))

    began = time.perf_counter()
    for _, _, lock in reversed(payments):
        signature = xor(lock, hashlib.sha3_512(signature).digest()[:40])
    out.add("release", time.perf_counter() - began, 0)
    assert signature == sigma_0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=["python", "python_paper"], required=True)
    parser.add_argument("--payments", type=int, required=True)
    parser.add_argument("--amount", type=int, required=True)
    parser.add_argument("--runs", type=int, required=True)
    arguments = parser.parse_args()
    samples = Samples()
    run = real_run if arguments.mode == "python" else paper_run
    for _ in range(arguments.runs):
        run(arguments.payments, arguments.amount, samples)
    for phase, times in samples.times.items():
        print(json.dumps({"phase": phase, "mode": arguments.mode, "payments": arguments.payments,
                          "amount": arguments.amount, "samples": times, "bytes": samples.sizes.get(phase, 0)}))


if __name__ == "__main__":
    main()
