// What is running: the image that this bundle is part of, and the product that the board belongs to.

/** The image that a bundle was built into. */
export interface RunningImage {
    readonly name: string
    readonly version: string
    readonly build_id: string
    readonly security: number
}

let image: RunningImage = { name: "", version: "", build_id: "", security: 0 }
let product = ""

/** Sets both; called once per boot. `boardProduct` is "" when the board has none. */
export function runningInstall(runningImage: RunningImage, boardProduct: string): void {
    image = runningImage
    product = boardProduct
}

/** The image that is running. */
export function runningImage(): RunningImage {
    return image
}

/** The board's product, "" when it has none. */
export function runningProduct(): string {
    return product
}
