// How long a test waits for what must come. No test passes or fails by how fast something was, only by whether it came at all.

/** What every test is given: enough for the first start of SillyTavern on a slow machine, too little to hang unseen. */
export const patience = { timeout: 300_000 };

/** What `promise` resolves to, or an error that names `what` did not come. */
export async function within(what, promise, milliseconds = 30_000) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not within ${milliseconds / 1000} s`)), milliseconds);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}
