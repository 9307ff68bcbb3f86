// What is running: the image that this bundle is part of, and the product that the board belongs to.

/** The image that a bundle was built into. */
export interface RunningImage {
    readonly name: string
    readonly version: string
    readonly build_id: string
    /** Security counter of its manifest, 0 when it names none. */
    readonly security: number
    /**
     * The keys that the next image must be signed with, by key slot, "" = none: an LMS public key in hex, or the SPKI of an ECDSA
     * P-256 key in base64. They are part of the image, so that nothing but a signed image can replace them.
     */
    readonly keys?: readonly string[]
    /** Slots whose signatures must all hold, one bit each (Mongoose OS); -1 = none need, 0 = no update; absent = any one must. */
    readonly sig_req_mask?: number
}

let image: RunningImage = { name: "", version: "", build_id: "", security: 0 }
let product = ""

/** Says which image runs; called once per boot by the platform's main. */
export function runningInstall(newImage: RunningImage): void {
    image = newImage
}

/** Says which product the board belongs to, "" for none; called once per boot, when the settings are read. */
export function runningProductInstall(newProduct: string): void {
    product = newProduct
}

/** The image that is running. */
export function runningImage(): RunningImage {
    return image
}

/** The board's product, "" when it has none. */
export function runningProduct(): string {
    return product
}
