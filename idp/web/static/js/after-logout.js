// Goes on to the service once every front-channel frame has answered, or after three seconds. Without scripts the link does it.
const onward = document.querySelector("a[data-onward]");
const frames = [...document.querySelectorAll("iframe[data-front-channel]")];
const loaded = frames.map((frame) => new Promise((done) => { frame.addEventListener("load", done, { once: true }); }));
const late = new Promise((done) => { setTimeout(done, 3000); });
if (onward) Promise.race([Promise.all(loaded), late]).then(() => window.location.assign(onward.href));
