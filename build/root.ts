// Where the project's sources are: bundles for boards are made from them.

import { existsSync } from "node:fs"
import { dirname, join } from "node:path"

/** The project's folder: the nearest one above this code that holds firmware/. The code runs from build/ or, bundled, from dist/. */
export function projectRoot(): string {
    let folder = dirname(__dirname)
    while (!existsSync(join(folder, "firmware/constants.ts")) && dirname(folder) !== folder) folder = dirname(folder)
    return folder
}
