// Signed images only, where a product asks for them: at the upload, and again when they are released.

import { partReader, type ReadPart } from "../artifacts/store"
import { readSignatures, signatureFault } from "../artifacts/signatures"
import type { Context } from "../context"
import { Problem } from "../problems"
import type { ProductRow } from "../store/store"

const FAULTS = {
    missing: "The product takes signed images only, and this one is not signed. Sign it offline with otary sign, upload that.",
    invalid:
        "None of the product's public keys made a signature of this image. Sign it with the right key, offline; upload that.",
}

/** Whether a product takes signed images only: it says so, or it names keys. */
export function wantsSignatures({ signatureRequired, publicKeys = [] }: ProductRow): boolean {
    return signatureRequired || publicKeys.length > 0
}

/** Throws Problem `signature_missing`, `signature_invalid` unless an image suits the product. `path`: the field that named it. */
export async function checkSigned(product: ProductRow, read: ReadPart, sizeBytes: number, path: string): Promise<void> {
    if (!wantsSignatures(product)) return
    const fault = signatureFault(await readSignatures(read, sizeBytes), product.publicKeys ?? [])
    if (fault !== null) throw new Problem(`signature_${fault}`, FAULTS[fault], [{ path, message: "an image that is signed" }])
}

/** The same for images that are kept already, by the fields that name them. Unknown ones are left to who makes the release. */
export async function checkKeptSigned(
    context: Context,
    tenant: string,
    productId: string,
    images: readonly (readonly [path: string, sha256: string])[],
): Promise<void> {
    const { products, artifacts } = context.store.tables
    const product = await products.get(tenant, productId)
    if (product === null || !wantsSignatures(product)) return
    for (const [path, image] of images) {
        const known = await artifacts.get(tenant, image)
        if (known !== null) await checkSigned(product, partReader(context.artifacts, image), known.sizeBytes, path)
    }
}
