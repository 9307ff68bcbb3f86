// Idempotency-Key: a call that is sent again is carried out once, and answered as the first time.

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto"
import { createMiddleware } from "hono/factory"
import { nowOf, type Context } from "../context"
import { CALL_KEPT_S, CALL_KEY_CHARS_MAX } from "../limits"
import { Problem } from "../problems"
import type { RepeatedCallRow } from "../store/access"
import type { ApiContext, ApiEnv } from "./base"

const CIPHER = "aes-256-gcm"
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Thrown by a guard when the key was used before: the transaction is undone, the first answer is given. */
class Repeated extends Problem {
    constructor() {
        const detail = "The call with this key was carried out, but its answer is not known (yet). Look at what is there."
        super("call_unfinished", detail)
    }
}

/** The key that seals an answer: it may hold a token that is shown once, so nobody can read it without the caller's own token. */
function sealingKey(token: string, key: string): Buffer {
    return Buffer.from(hkdfSync("sha256", token, key, "otary repeated call", 32))
}

function seal(sealing: Buffer, text: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, sealing, nonce)
    return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()])
}

function unseal(sealing: Buffer, sealed: Buffer): string {
    const decipher = createDecipheriv(CIPHER, sealing, sealed.subarray(0, NONCE_BYTES))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8")
}

async function fingerprintOf(c: ApiContext): Promise<Buffer> {
    const { pathname, search } = new URL(c.req.url)
    const parts = [c.get("tenant"), c.req.method, pathname + search, await c.req.text()]
    return createHash("sha256").update(JSON.stringify(parts)).digest()
}

/** The first answer once more. Throws Problem `call_key_reused`, `call_unfinished`. */
function replay(row: RepeatedCallRow, fingerprint: Buffer, sealing: Buffer): Response {
    if (!row.fingerprint.equals(fingerprint)) {
        throw new Problem("call_key_reused", "This Idempotency-Key came with another call before. Take a new key for a new call.")
    }
    if (row.answer === null || row.status === null) throw new Repeated()
    const text = unseal(sealing, row.answer)
    const headers = { "Content-Type": "application/json", "Idempotency-Replayed": "true" }
    return new Response(text === "" ? null : text, { status: row.status, headers })
}

function checkKey(key: string): void {
    if (/^[\x21-\x7e]+$/.test(key) && key.length <= CALL_KEY_CHARS_MAX) return
    throw new Problem("request_invalid", `Idempotency-Key takes 1 to ${CALL_KEY_CHARS_MAX} printable characters without blanks.`)
}

/**
 * Calls with an Idempotency-Key. The key is claimed in the very transaction that makes the change, so that it stands if and only if the
 * change does; a call that was refused may be sent again under its key.
 */
export function repeats(context: Context): ReturnType<typeof createMiddleware<ApiEnv>> {
    const { repeatedCalls } = context.store.tables
    return createMiddleware<ApiEnv>(async (c, next) => {
        const key = c.req.header("idempotency-key")
        if (key === undefined || c.req.method === "GET") return void (await next())
        checkKey(key)
        const token = c.get("identity").token
        const sealing = sealingKey(c.req.header("authorization") ?? "", key)
        const fingerprint = await fingerprintOf(c)
        const before = await repeatedCalls.get(token, key)
        if (before !== null) return replay(before, fingerprint, sealing)
        const call = c.get("call")
        call.guards.push(async tables => {
            if (!(await tables.repeatedCalls.claim(token, key, fingerprint, nowOf(context)))) throw new Repeated()
        })
        await next()
        const raced = c.error instanceof Repeated ? await repeatedCalls.get(token, key) : null
        if (raced !== null) return replay(raced, fingerprint, sealing)
        if (!call.isCommitted) return undefined
        await repeatedCalls.answer(token, key, c.res.status, seal(sealing, await c.res.clone().text()))
        return undefined
    })
}

/** Forgets calls whose time is up. */
export function forgetRepeats(context: Context): Promise<void> {
    return context.store.tables.repeatedCalls.forget(new Date(context.nowMs() - CALL_KEPT_S * 1000))
}
