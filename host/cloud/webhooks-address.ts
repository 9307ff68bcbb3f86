// Where a webhook may go: public addresses only, checked on the very connection that is made.

import { lookup as systemLookup, type LookupAddress } from "node:dns"
import { BlockList, isIP, type LookupFunction } from "node:net"
import { Problem } from "./problems"

/** Addresses that are not public (IANA's special-purpose registry, RFC 6890): network and bits. */
const INTERNAL_V4: readonly (readonly [string, number])[] = [
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.88.99.0", 24],
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
    ["224.0.0.0", 3],
]
/** Of IPv6 only 2000::/3 is public, without documentation, Teredo and 6to4, which wrap IPv4 addresses. */
const INTERNAL_V6: readonly (readonly [string, number])[] = [
    ["2001::", 23],
    ["2001:db8::", 32],
    ["2002::", 16],
]

function blockList(entries: readonly (readonly [string, number])[], family: "ipv4" | "ipv6"): BlockList {
    const list = new BlockList()
    for (const [network, bits] of entries) list.addSubnet(network, bits, family)
    return list
}

const internalV4 = blockList(INTERNAL_V4, "ipv4")
const internalV6 = blockList(INTERNAL_V6, "ipv6")
const publicV6 = blockList([["2000::", 3]], "ipv6")

/** Whether a numeric address is out in the open. */
export function isPublicAddress(address: string): boolean {
    if (isIP(address) === 4) return !internalV4.check(address, "ipv4")
    return isIP(address) === 6 && publicV6.check(address, "ipv6") && !internalV6.check(address, "ipv6")
}

/** Networks that are allowed although they are not public, such as `10.1.0.0/16`. Throws Error when one cannot be read. */
export function allowedNetworks(networks: readonly string[]): BlockList {
    const list = new BlockList()
    for (const network of networks) {
        const [address = "", bits = ""] = network.split("/")
        const family = isIP(address) === 6 ? "ipv6" : "ipv4"
        const most = family === "ipv6" ? 128 : 32
        if (isIP(address) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > most) {
            throw new Error(`"${network}" is no network. Give it as ADDRESS/BITS, such as 10.1.0.0/16.`)
        }
        list.addSubnet(address, Number(bits), family)
    }
    return list
}

/** Asks for all addresses of a name. */
export type Resolve = (host: string) => Promise<LookupAddress[]>

/** The system's resolver. */
export const resolveName: Resolve = host =>
    new Promise((resolve, reject) => {
        systemLookup(host, { all: true }, (error, addresses) => (error === null ? resolve(addresses) : reject(error)))
    })

/** Decides which addresses may be called. */
export interface AddressRules {
    /** Throws Problem `address_internal` or `field_invalid` for an address that a webhook may not have. */
    checkUrl(this: void, url: string): Promise<void>
    /** Resolver for a connection: what it does not answer, cannot be connected to. */
    lookup: LookupFunction
}

function internal(host: string): Problem {
    const detail = `${host} leads to an address that is not public. Name a public one, or have its network allowed at the cloud's start.`
    return new Problem("address_internal", detail, [{ path: "url", message: "an address on the internet" }])
}

function checkSyntax(text: string, allowsPlain: boolean): URL {
    const url = URL.canParse(text) ? new URL(text) : null
    const protocols = allowsPlain ? ["https:", "http:"] : ["https:"]
    if (url !== null && protocols.includes(url.protocol) && url.username === "" && url.password === "") return url
    const message = `an address of ${protocols.join(" or ")} without a name and password`
    throw new Problem("field_invalid", "The webhook's address cannot be used.", [{ path: "url", message }])
}

/** The rules of one cloud: public addresses, and those of the `allowed` networks, which may be reached without TLS too. */
export function addressRules(allowed: readonly string[], resolve: Resolve = resolveName): AddressRules {
    const list = allowedNetworks(allowed)
    const may = (address: string): boolean =>
        isPublicAddress(address) || list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4")
    return {
        async checkUrl(text) {
            const host = checkSyntax(text, allowed.length > 0).hostname.replace(/^\[|\]$/g, "")
            if (isIP(host) !== 0 && !may(host)) throw internal(host)
            // A name that cannot be resolved now may be later; every delivery asks again.
            const found = isIP(host) !== 0 ? [] : await resolve(host).catch(() => [])
            if (found.some(({ address }) => !may(address))) throw internal(host)
        },
        lookup: (host, _options, callback) => {
            resolve(host).then(
                found => {
                    const bad = found.find(({ address }) => !may(address))
                    if (bad === undefined) callback(null, found)
                    else callback(new Error(`${host} leads to the internal address ${bad.address}`), [])
                },
                (error: NodeJS.ErrnoException) => callback(error, []),
            )
        },
    }
}
