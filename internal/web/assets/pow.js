// The work of the challenge page: a worker looks for a number while the person reads. Who
// is faster waits a moment; where it can't be done the answer goes without.

const form = document.querySelector("form[data-nonce]");
const patience = 30000; // ms, from when somebody waits

function begin() {
  const status = document.getElementById("work");
  let waiting = false;
  let over = false;
  const finish = (proof) => {
    over = true;
    form.elements.proof.value = proof;
    if (waiting) form.requestSubmit();
  };
  form.addEventListener("submit", (event) => {
    if (over) return;
    event.preventDefault();
    event.stopPropagation(); // it is not sent yet
    if (waiting) return;
    waiting = true;
    status.textContent = status.dataset.busy;
    setTimeout(() => over || finish(""), patience);
  });
  try {
    const worker = new Worker(form.dataset.worker);
    worker.addEventListener("message", (event) => { worker.terminate(); over || finish(event.data); });
    worker.addEventListener("error", () => over || finish(""));
    worker.postMessage({ nonce: form.dataset.nonce, bits: Number(form.dataset.bits) });
  } catch {
    finish("");
  }
}

if (form) begin();
