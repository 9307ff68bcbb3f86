// What stands for HTTP in the boot loader, which has no use for a network.

import type { Clock, Http } from "../../firmware/ports"

/** Creates a port that does nothing. */
export function createHttp(_: Clock): Http {
    return { request: () => 0, abort: () => undefined, pause: () => undefined }
}
