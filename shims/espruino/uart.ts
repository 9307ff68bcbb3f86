// The serial line of an Espruino board: one of its Serials, by default not the one that is the console on an ESP32.

import type { Bytes, Uart, UartOptions } from "../../firmware/ports"
import type { EspruinoSerial, EspruinoWires } from "./globals"

declare const global: Record<string, EspruinoSerial>
declare const Pin: new (name: string) => unknown

/** Serial1 is the console. */
const PORT_DEFAULT = 2

let serial: EspruinoSerial

function uartOpen(options: UartOptions, run: (this: void, bytes: Bytes) => void): void {
    const wires: EspruinoWires = {}
    if (options.tx >= 0) wires.tx = new Pin("D" + options.tx)
    if (options.rx >= 0) wires.rx = new Pin("D" + options.rx)
    if (options.path !== "") wires.path = options.path
    serial = global["Serial" + (options.port > 0 ? options.port : PORT_DEFAULT)]
    serial.setup(options.baud, wires)
    serial.on("data", run)
}

function uartWrite(bytes: Bytes): void {
    serial.write(bytes)
}

/** The port. */
export const uartPort: Uart = { open: uartOpen, write: uartWrite }
