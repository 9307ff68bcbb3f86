// Whose network address a request comes from, also behind proxies: X-Forwarded-For counts only as far as trusted proxies have written it.

import type { IncomingMessage } from "node:http"
import { isIP, type BlockList } from "node:net"
import { allowedNetworks } from "./webhooks-address"

/** The network address of a request's sender; "unknown" when there is none any more. */
export type ClientAddress = (request: IncomingMessage | undefined) => string

/** Most addresses of a header that are looked at. */
const HOPS_MAX = 20

/** An IPv4 address in IPv6's clothes (RFC 4291, 2.5.5.2) as what it is; ports and brackets, as some proxies write them, are left out. */
function plainAddress(text: string): string {
    const [, bracketed = text.trim()] = /^\[([0-9A-Fa-f:.]+)\](?::\d+)?$/.exec(text.trim()) ?? []
    const [, withoutPort = bracketed] = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(bracketed) ?? []
    return withoutPort.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "")
}

function contains(list: BlockList, address: string): boolean {
    const family = isIP(address)
    return family !== 0 && list.check(address, family === 6 ? "ipv6" : "ipv4")
}

/**
 * The sender by the connection, or, when that is one of the trusted proxies, by the last address in X-Forwarded-For that is not: what a
 * sender writes into the header itself stands to the left of it and never counts. Throws Error when a network cannot be read.
 */
export function clientAddress(trustedProxies: readonly string[] = []): ClientAddress {
    const trusted = allowedNetworks(trustedProxies)
    return request => {
        let address = plainAddress(request?.socket.remoteAddress ?? "unknown")
        const header = request?.headers["x-forwarded-for"] ?? ""
        const hops = String(header).split(",").slice(-HOPS_MAX)
        while (hops.length > 0 && contains(trusted, address)) {
            const next = plainAddress(hops.pop() ?? "")
            if (isIP(next) === 0) return address
            address = next
        }
        return address
    }
}
