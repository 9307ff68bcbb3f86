// Addresses of images: good for a day, and only as signed.

import { createHmac, timingSafeEqual } from "node:crypto"
import { IMAGE_URL_LIFE_S } from "../limits"
import { Problem } from "../problems"

/** What an image's path holds. */
export interface ImageAddress {
    sha256: string
    /** File name for people; part of what is signed. */
    name: string
}

const PATH = /^\/images\/([0-9a-f]{64})\/([A-Za-z0-9._-]{1,128})$/

function signature(secret: string, { sha256, name }: ImageAddress, expiresS: number): string {
    return createHmac("sha256", secret).update(`${sha256}\n${name}\n${expiresS}`).digest("base64url")
}

function equal(a: string, b: string): boolean {
    const [one, other] = [Buffer.from(a), Buffer.from(b)]
    return one.length === other.length && timingSafeEqual(one, other)
}

/** A file name for an image: what does not belong into an address becomes a hyphen. */
export function imageName(name: string, version: string): string {
    return `${`${name}-${version}`.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 120)}.zip`
}

/** The path and query under which an image can be loaded until `nowS` + IMAGE_URL_LIFE_S (Unix seconds). */
export function signImagePath(secret: string, address: ImageAddress, nowS: number): string {
    const expiresS = nowS + IMAGE_URL_LIFE_S
    const query = `expires=${expiresS}&signature=${signature(secret, address, expiresS)}`
    return `/images/${address.sha256}/${address.name}?${query}`
}

/**
 * The image that a request's path and query name.
 * Throws Problem `image_url_invalid` when the signature is missing or wrong, `image_url_expired` when its time is up.
 */
export function verifyImagePath(secret: string, url: URL, nowS: number): ImageAddress {
    const parts = PATH.exec(url.pathname)
    const expires = url.searchParams.get("expires") ?? ""
    const address = { sha256: parts?.[1] ?? "", name: parts?.[2] ?? "" }
    const valid = parts !== null && /^\d{1,12}$/.test(expires)
    if (!valid || !equal(signature(secret, address, Number(expires)), url.searchParams.get("signature") ?? "")) {
        throw new Problem("image_url_invalid", "The address was not given out by this cloud. Check in again for a new one.")
    }
    if (nowS >= Number(expires)) {
        throw new Problem("image_url_expired", "Addresses of images are good for 24 hours. Check in again for a new one.")
    }
    return address
}
