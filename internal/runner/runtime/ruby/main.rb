# Main puts a worker together.
module Anyfpm::Main
  def self.run
    wire = Anyfpm::Wire.new(UNIXSocket.for_fd(3))
    settings = wire.start
    title = "anyfpm: pool #{settings["pool"]}"
    Process.setproctitle(title)
    worker = nil
    Kernel.at_exit { worker&.ending } # the first block given to it, called last
    offer { worker }
    $LOAD_PATH.unshift(*settings["path"].split("\n"))
    settings["preload"].split("\n").each { |name| preload(name) }
    $stdout.flush # what a library has printed is in no response
    once = settings["isolation"] == "fork"
    forked = settings["role"] == "zygote"
    leavings = Anyfpm::Leavings.new(wire.socket)
    if forked
      inline = once ? Anyfpm::Worker::INLINE : 0
      wire = Anyfpm::Zygote.new(wire, inline) { |path| Anyfpm::Script.preload(path) }.run
    end
    Anyfpm::Linux.adopt_orphans unless once
    worker = Anyfpm::Worker.new(wire, once, title, leavings)
    wire.hello(Anyfpm::Worker::INLINE) unless once && forked
    worker.run
  end

  # preload loads a library. What is wrong with it comes last.
  def self.preload(name)
    require name
  rescue ScriptError, StandardError => error
    error.set_backtrace(error.backtrace.reject { |line| line.start_with?("anyfpm/", "-:") })
    reason = "anyfpm: cannot load #{name}: #{error.message.lines.first&.chomp} (#{error.class})"
    abort "#{error.full_message(highlight: false, order: :top).chomp}\n#{reason}"
  end
  private_class_method :preload

  # offer makes what scripts call; the block returns the worker.
  def self.offer
    Anyfpm.define_singleton_method(:finish_request) { yield.finish_request }
    original = Kernel.instance_method(:at_exit)
    Kernel.define_method(:at_exit) do |&block|
      worker = yield
      if block && worker && worker.catch_exit(caller_locations(1, 1).first.path, block)
        block
      else
        original.bind_call(self, &block)
      end
    end
    Kernel.send(:private, :at_exit)
  end
  private_class_method :offer
end

Anyfpm::Main.run
