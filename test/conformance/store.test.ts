// The store's suite on the embedded database.

import { rmSync } from "node:fs"
import { startEmbedded } from "../../host/cloud/embedded/embedded"
import { temporaryFolder } from "../api/cloud-fixture"
import { storeSuite } from "./store-suite"

storeSuite(async () => {
    const folder = temporaryFolder()
    const database = await startEmbedded(folder, () => undefined)
    const close = async (): Promise<void> => {
        await database.close()
        rmSync(folder, { recursive: true, force: true })
    }
    return { url: database.url, close }
})
