// The demo's bad app: waits for a sensor that never answers, so that only the watchdog gets the board out of it.

import { log, version } from "otary"

/** Whether the sensor has a value; the wiring of this release says never. */
function sensorReady(): boolean {
    return version() === ""
}

log("thermostat " + version() + ", waiting for the sensor")
while (!sensorReady()) {
    // The loop that a review should have found.
}
