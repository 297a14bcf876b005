package phpmem

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestResponseCode(t *testing.T) {
	cmd := exec.Command("php-cgi", "-q")
	cmd.Stdin = strings.NewReader(`<?php http_response_code(418); fwrite(fopen("php://stderr", "w"), "now\n"); sleep(60);`)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("install the package php-cgi: %v", err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p, err := Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 2 {
		if code, err := p.ResponseCode(); code != 418 || err != nil {
			t.Errorf("got %d, %v", code, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = p.ResponseCode() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNoPHP(t *testing.T) {
	if p, err := Open(os.Getpid()); err == nil {
		p.Close()
		t.Error("this test is taken for PHP")
	}
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It answers, so it executes its program by now.
	if _, err := io.WriteString(in, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if p, err := Open(cmd.Process.Pid); err == nil {
		p.Close()
		t.Error("cat is taken for PHP")
	}
	_ = in.Close()
	_ = cmd.Wait()
	if p, err := Open(cmd.Process.Pid); err == nil {
		p.Close()
		t.Error("a process that is gone is taken for PHP")
	}
}
