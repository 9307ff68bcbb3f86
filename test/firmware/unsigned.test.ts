// What small boards without keys run in place of signature.ts says what signature.ts says without keys.

import * as signature from "../../firmware/signature"
import { STATUS_OK, STATUS_SIGNATURE_MISSING } from "../../firmware/status"
import * as unsigned from "../../firmware/unsigned"

// One in the place of the other: the types must fit, too.
const stand: typeof signature = unsigned

test("the same names and numbers, and nothing is wanted", () => {
    expect(Object.keys(stand).sort()).toEqual(Object.keys(signature).sort())
    expect([stand.SIGNATURE_MORE, stand.SIGNATURE_GOOD]).toEqual([signature.SIGNATURE_MORE, signature.SIGNATURE_GOOD])
    expect([stand.signatureIsWanted(), stand.signaturePolicy()]).toEqual([false, ""])
    expect([signature.signatureIsWanted(), signature.signaturePolicy()]).toEqual([false, ""])
})

test("no signature counts", () => {
    expect([stand.signatureStart("{}", ""), stand.signatureTake("x")]).toEqual([STATUS_OK, STATUS_OK])
    expect(stand.signatureStep()).toBe(STATUS_SIGNATURE_MISSING)
})
