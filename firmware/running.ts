// What is running: the image that this bundle is part of, and the product that the board belongs to.

/** The image that a bundle was built into. */
export interface RunningImage {
    readonly name: string
    readonly version: string
    readonly build_id: string
    /** Security counter of its manifest, 0 when it names none. */
    readonly security: number
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
