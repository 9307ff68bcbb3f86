// One delivery of a webhook: a signed POST, over a connection to a checked address, without redirects.

import { createHmac } from "node:crypto"
import { request as httpRequest, type IncomingMessage } from "node:http"
import { request as httpsRequest } from "node:https"
import { DELIVERY_ANSWER_BYTES_MAX, DELIVERY_TIMEOUT_S } from "./limits"
import type { AddressRules } from "./webhooks-address"

/** What is sent. */
export interface Delivery {
    url: string
    body: string
    /** Key of the signature. */
    secret: string
    /** Unix time in seconds; part of what is signed, so that an old delivery cannot be played again. */
    atS: number
}

/** `t=TIME,v1=HEX`: HMAC-SHA256 over `TIME.BODY`. A receiver makes the same and compares; it refuses old times. */
export function signatureOf(secret: string, atS: number, body: string): string {
    return `t=${atS},v1=${createHmac("sha256", secret).update(`${atS}.${body}`).digest("hex")}`
}

/** Reads an answer's body away, up to a limit. */
async function drain(response: IncomingMessage): Promise<void> {
    let sizeBytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
        sizeBytes += chunk.length
        if (sizeBytes > DELIVERY_ANSWER_BYTES_MAX) return void response.destroy()
    }
}

function send({ url, body, secret, atS }: Delivery, { lookup }: AddressRules): Promise<IncomingMessage> {
    const headers = {
        "Content-Type": "application/json",
        "Content-Length": Buffer.byteLength(body),
        "User-Agent": "otary-webhook",
        "Otary-Signature": signatureOf(secret, atS, body),
    }
    const request = url.startsWith("https:") ? httpsRequest : httpRequest
    const signal = AbortSignal.timeout(DELIVERY_TIMEOUT_S * 1000)
    return new Promise((resolve, reject) => {
        request(url, { method: "POST", headers, lookup, agent: false, signal, family: 0 }, resolve).on("error", reject).end(body)
    })
}

/** Delivers. Returns "" when the receiver took it (status 2xx), else why not. Never throws. */
export async function post(delivery: Delivery, rules: AddressRules): Promise<string> {
    try {
        await rules.checkUrl(delivery.url)
        const response = await send(delivery, rules)
        const { statusCode: status = 0 } = response
        await drain(response)
        if (status >= 200 && status < 300) return ""
        const redirect = status >= 300 && status < 400 ? "; redirects are not followed" : ""
        return `the receiver answered with status ${status}${redirect}`
    } catch (error) {
        return (error as Error).message
    }
}
