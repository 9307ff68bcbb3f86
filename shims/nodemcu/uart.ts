// The serial line of a NodeMCU board on an ESP32: a UART beside the console's. Frames end with a line feed, so that each comes out at once.

import type { Bytes, Uart, UartOptions } from "../../firmware/ports"
import { uart } from "./modules"

/** UART0 is the console, and UART1's usual pins are those of the flash. */
const PORT_DEFAULT = 2
/** UART2's usual pins. */
const TX_DEFAULT = 17
const RX_DEFAULT = 16

let id = PORT_DEFAULT

function open(options: UartOptions, run: (this: void, bytes: Bytes) => void): void {
    if (options.port > 0) id = options.port
    const pins = { tx: options.tx >= 0 ? options.tx : TX_DEFAULT, rx: options.rx >= 0 ? options.rx : RX_DEFAULT }
    uart.setup(id, options.baud, 8, uart.PARITY_NONE, uart.STOPBITS_1, pins)
    uart.start(id)
    uart.on(id, "data", "\n", run, 0)
}

function write(bytes: Bytes): void {
    uart.write(id, bytes)
}

/** The port. */
export const uartPort: Uart = { open, write }
