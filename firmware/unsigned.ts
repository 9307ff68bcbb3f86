// What signature.ts comes to where the running image names no keys; builds for small boards take it instead (build/bundle-espruino.ts).

import { STATUS_OK, STATUS_SIGNATURE_MISSING } from "./status"

/** As in signature.ts. */
export const SIGNATURE_MORE = 0
export const SIGNATURE_GOOD = 1

/** No signature is asked for. */
export function signatureIsWanted(): boolean {
    return false
}

/** The policy of a board without keys is "". */
export function signaturePolicy(): string {
    return ""
}

/** Never called, as nothing is wanted. Returns STATUS_OK. */
export function signatureStart(): number {
    return STATUS_OK
}

/** Never called. Returns STATUS_OK. */
export function signatureTake(): number {
    return STATUS_OK
}

/** Never called. Without keys there is none that a signature could hold for: returns STATUS_SIGNATURE_MISSING. */
export function signatureStep(): number {
    return STATUS_SIGNATURE_MISSING
}
