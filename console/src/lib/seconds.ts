// A worker that says when a second has passed: the timers of a page itself are held back to one a minute while it is out of sight.
setInterval(() => postMessage(null), 1_000);
